import { describe, expect, it } from "vitest";
import {
  applyChanges,
  findSegments,
  isText,
  mergeWithNext,
  renameSpeaker,
  replaceAll,
  segmentAt,
  splitAt,
  type Segment,
} from "../src/studio/project";

const segment = (index: number, text: string, more: Partial<Segment> = {}): Segment => ({
  index,
  start: index * 2,
  end: index * 2 + 1.5,
  text,
  words: [],
  ...more,
});

const book = [segment(0, "The House. The house?"), segment(1, "A horse (x)."), segment(2, "House!")];

describe("segments", () => {
  it("are replaced by those of the server and numbered anew", () => {
    const changes = [
      { index: 1, count: 1, segments: [segment(0, "One."), segment(0, "Two.")] },
      { index: 3, count: 1, segments: [] },
    ];
    const result = applyChanges(book, changes);
    expect(result.map((one) => [one.index, one.text])).toEqual([
      [0, "The House. The house?"],
      [1, "One."],
      [2, "Two."],
    ]);
  });

  it("are found and replaced literally", () => {
    expect(findSegments(book, "house", false)).toEqual([0, 2]);
    expect(findSegments(book, "house", true)).toEqual([0]);
    expect(findSegments(book, "(x).", true)).toEqual([1]);
    expect(findSegments(book, "", false)).toEqual([]);
    expect(replaceAll(book, "house", "$& home", false)).toEqual([
      { index: 0, count: 1, segments: [{ text: "The $& home. The $& home?" }] },
      { index: 2, count: 1, segments: [{ text: "$& home!" }] },
    ]);
  });

  it("are split inside and merged with a next one only", () => {
    expect(splitAt(segment(4, "One. Two."), "One. Two.", 4)).toEqual({
      index: 4,
      count: 1,
      segments: [{ text: "One." }, { text: "Two." }],
    });
    expect(splitAt(segment(4, "One."), "One.", 0)).toBeUndefined();
    expect(splitAt(segment(4, "One."), "One. ", 4)).toBeUndefined();
    expect(mergeWithNext(book, 1)).toEqual({ index: 1, count: 2, segments: [{ text: "A horse (x). House!" }] });
    expect(mergeWithNext(book, 2)).toBeUndefined();
  });

  it("get another name of their speaker", () => {
    const talk = [segment(0, "A", { speaker: "S1" }), segment(1, "B"), segment(2, "C", { speaker: "S1" })];
    expect(renameSpeaker(talk, "S1", "Anna").map((change) => change.index)).toEqual([0, 2]);
  });

  it("are found by their time", () => {
    expect([0, 1.49, 1.5, 2, 5.4, 9].map((seconds) => segmentAt(book, seconds))).toEqual([0, 0, -1, 1, 2, -1]);
  });
});

describe("files", () => {
  it("are read aloud if they are texts", () => {
    expect(isText({ name: "Book.EPUB", type: "" })).toBe(true);
    expect(isText({ name: "notes", type: "text/plain" })).toBe(true);
    expect(isText({ name: "talk.mp4", type: "video/mp4" })).toBe(false);
  });
});
