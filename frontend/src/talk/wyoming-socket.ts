// Wyoming events over a WebSocket: JSON messages, each with the bytes of its payload behind it.

import type { Connection } from "../core/api";

export interface WyomingEvent {
  type: string;
  data: Record<string, unknown>;
  payload: ArrayBuffer | undefined;
}

export class WyomingSocket {
  private readonly socket: WebSocket;
  private readonly waiting: (string | ArrayBuffer)[] = [];
  private pending: WyomingEvent | undefined;

  constructor(
    connection: Connection,
    service: "asr" | "tts",
    onEvent: (event: WyomingEvent) => void,
    onClosed: (reason: string) => void,
  ) {
    this.socket = connection.socket(`/ws/wyoming?service=${service}`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      for (const message of this.waiting.splice(0)) this.socket.send(message);
    };
    this.socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (typeof data !== "string") {
        const event = this.pending;
        this.pending = undefined;
        if (event) onEvent({ ...event, payload: data });
        return;
      }
      const { type, data: fields, payload_length } = JSON.parse(data) as {
        type: string;
        data?: Record<string, unknown>;
        payload_length?: number;
      };
      const event = { type, data: fields ?? {}, payload: undefined };
      if (payload_length) this.pending = event;
      else onEvent(event);
    };
    this.socket.onclose = ({ reason }) => onClosed(reason);
  }

  /** Send an event; before the connection is open, it is kept and sent then. */
  send(type: string, data: Record<string, unknown> = {}, payload?: ArrayBuffer): void {
    const header = payload ? { type, data, payload_length: payload.byteLength } : { type, data };
    this.post(JSON.stringify(header));
    if (payload) this.post(payload);
  }

  close(): void {
    this.socket.onclose = null;
    this.socket.onmessage = null;
    this.socket.close();
  }

  private post(message: string | ArrayBuffer): void {
    if (this.socket.readyState === WebSocket.CONNECTING) this.waiting.push(message);
    else if (this.socket.readyState === WebSocket.OPEN) this.socket.send(message);
  }
}
