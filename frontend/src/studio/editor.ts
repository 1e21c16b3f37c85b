// Edits the segments of a project: one edit after the other, each stored by the server at once.

import { ApiError, type Connection } from "../core/api";
import {
  applyChanges,
  withKeys,
  type Change,
  type EditAnswer,
  type Job,
  type Segment,
  type SegmentList,
} from "./project";

const RETRY_MS = 1_000;
const SERVER_ERROR = 500;

export type SaveState = "saved" | "saving" | "unreachable";

/** Returns changes of the segments as they are when the edit has its turn. */
export type Edit = (segments: readonly Segment[]) => (Change | undefined)[];

export class ProjectEditor {
  job: Job | undefined;
  segments: Segment[] = [];
  canUndo = false;
  canRedo = false;
  saveState: SaveState = "saved";
  private revision = 0;
  private queue: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  private closed = false;

  constructor(
    private readonly connection: Connection,
    readonly id: string,
    private readonly onChange: () => void,
  ) {}

  /** Read the project. Throws ApiError. */
  async read(): Promise<void> {
    const list = await this.connection.request<SegmentList>("GET", `/jobs/${this.id}/segments`);
    await this.readJob();
    this.segments = withKeys(list.segments, this.segments);
    this.keepState(list);
  }

  /** Read the state of the job without its segments. Throws ApiError. */
  async readJob(): Promise<void> {
    this.job = await this.connection.request<Job>("GET", `/jobs/${this.id}?segments=false`);
    this.onChange();
  }

  close(): void {
    this.closed = true;
  }

  /** Edit after all edits before; resolves when the server has stored it. Throws ApiError. */
  edit(edit: Edit): Promise<void> {
    return this.enqueue(async () => {
      const changes = edit(this.segments).filter((change) => change !== undefined);
      if (changes.length) await this.send("PATCH", "", { changes, synthesize: false });
    });
  }

  undo(): Promise<void> {
    return this.enqueue(() => this.send("POST", "/undo", {}));
  }

  redo(): Promise<void> {
    return this.enqueue(() => this.send("POST", "/redo", {}));
  }

  /** Change the voice, the speed or the speakers of the whole project. Throws ApiError. */
  change(options: Record<string, unknown>): Promise<void> {
    return this.enqueue(async () => {
      await this.send("PATCH", "", { ...options, synthesize: false });
      await this.readJob();
    });
  }

  /** Speak what has changed. Throws ApiError. */
  synthesize(): Promise<void> {
    return this.enqueue(async () => {
      await this.send("PATCH", "", { synthesize: true });
      await this.readJob();
    });
  }

  private enqueue(work: () => Promise<void>): Promise<void> {
    this.waiting += 1;
    this.setSaveState("saving");
    const done = this.queue.then(work).finally(() => {
      this.waiting -= 1;
      if (!this.waiting) this.setSaveState("saved");
    });
    this.queue = done.catch(() => undefined);
    return done;
  }

  /** Send until the server answers: it may be restarting. */
  private async send(method: "PATCH" | "POST", path: string, body: object): Promise<void> {
    for (;;) {
      try {
        const answer = await this.connection.request<EditAnswer>(method, `/jobs/${this.id}/segments${path}`, {
          ...body,
          revision: this.revision,
        });
        this.segments = applyChanges(this.segments, answer.changes);
        this.keepState(answer);
        return;
      } catch (error) {
        if (!(error instanceof ApiError) || this.closed) throw error;
        if (error.status === 409) await this.read();
        if (error.status !== 0 && error.status < SERVER_ERROR) throw error;
        this.setSaveState("unreachable");
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  private keepState(state: EditAnswer | SegmentList): void {
    this.revision = state.revision;
    this.canUndo = state.can_undo;
    this.canRedo = state.can_redo;
    if (this.job) this.job = { ...this.job, status: state.status };
    this.onChange();
  }

  private setSaveState(state: SaveState): void {
    this.saveState = state;
    this.onChange();
  }
}
