// Events of OpenAI's realtime protocol over a WebSocket.

import type { Connection } from "../core/api";

export interface RealtimeEvent {
  type: string;
  [field: string]: unknown;
}

export class RealtimeSocket {
  private readonly socket: WebSocket;
  private readonly waiting: string[] = [];

  constructor(
    connection: Connection,
    agent: string,
    onEvent: (event: RealtimeEvent) => void,
    onClosed: (reason: string) => void,
  ) {
    const query = agent ? `?model=${encodeURIComponent(agent)}` : "";
    this.socket = connection.socket(`/v1/realtime${query}`);
    this.socket.onopen = () => {
      for (const message of this.waiting.splice(0)) this.socket.send(message);
    };
    this.socket.onmessage = ({ data }: MessageEvent<string>) => onEvent(JSON.parse(data) as RealtimeEvent);
    this.socket.onclose = ({ reason }) => onClosed(reason);
  }

  /** Send an event; before the connection is open, it is kept and sent then. */
  send(type: string, fields: Record<string, unknown> = {}): void {
    const message = JSON.stringify({ type, ...fields });
    if (this.socket.readyState === WebSocket.CONNECTING) this.waiting.push(message);
    else if (this.socket.readyState === WebSocket.OPEN) this.socket.send(message);
  }

  close(): void {
    this.socket.onclose = null;
    this.socket.onmessage = null;
    this.socket.close();
  }
}

export function toBase64(data: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(data)));
}

export function fromBase64(text: string): ArrayBuffer {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;
}
