// The state of the server: read once, then renewed whenever an event says that it has changed.

import type { ReactiveController, ReactiveControllerHost } from "lit";
import type { Connection, Stop } from "./api";
import type { Scope, Snapshot } from "./types";

type Listener = (event?: Record<string, unknown>) => void;

/** Events after which models, devices and the queue are read again. */
const STATE_EVENTS = /^(stream_opened|events_lost|model_|config_changed|memory_pressure|request_finished|job_)/;

const RENEW_MS = 200;

/** Memory of other programs changes without an event. */
const MEMORY_MS = 10_000;

export class Server {
  snapshot: Snapshot | undefined;
  online = true;
  private listeners = new Set<Listener>();
  private timer = 0;
  private stops: Stop[] = [];
  private reading = false;
  private again = false;

  constructor(
    readonly connection: Connection,
    readonly scope: Scope,
  ) {}

  /** Whether the user may load models, change settings and so on. */
  get canOperate(): boolean {
    return this.scope === "operate" || this.scope === "admin";
  }

  get isAdmin(): boolean {
    return this.scope === "admin";
  }

  has(feature: string): boolean {
    return this.snapshot?.info.features.includes(feature) ?? false;
  }

  start(): void {
    const stop = this.connection.stream("/events", {
      onOpen: () => this.setOnline(true),
      onLost: () => this.setOnline(false),
      onMessage: (event) => {
        const type = String(event["type"]);
        for (const listener of this.listeners) listener(event);
        if (STATE_EVENTS.test(type)) this.renewSoon();
      },
    });
    const interval = window.setInterval(() => {
      if (!document.hidden) this.renewSoon();
    }, MEMORY_MS);
    this.stops.push(stop, () => window.clearInterval(interval));
    this.renewSoon(0);
  }

  stop(): void {
    for (const stop of this.stops) stop();
    this.stops = [];
    window.clearTimeout(this.timer);
  }

  /** Call `listener` with every event of the server, and without one when the state was renewed. */
  listen(listener: Listener): Stop {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  renewSoon(delay = RENEW_MS): void {
    if (this.timer) return;
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      void this.renew();
    }, delay);
  }

  private async renew(): Promise<void> {
    if (this.reading) {
      this.again = true;
      return;
    }
    this.reading = true;
    try {
      this.snapshot = await this.connection.request<Snapshot>("GET", "/snapshot");
      this.setOnline(true);
      for (const listener of this.listeners) listener();
    } catch {
      this.setOnline(false);
    } finally {
      this.reading = false;
      if (this.again) {
        this.again = false;
        this.renewSoon();
      }
    }
  }

  private setOnline(online: boolean): void {
    if (this.online === online) return;
    this.online = online;
    if (online) this.renewSoon();
    for (const listener of this.listeners) listener();
  }
}

/** Renders a component again when the state of the server was renewed. */
export class ServerController implements ReactiveController {
  private stop: Stop | undefined;

  constructor(
    private readonly host: ReactiveControllerHost & { server: Server },
    private readonly onEvent?: (event: Record<string, unknown>) => void,
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    this.stop = this.host.server.listen((event) => {
      if (event === undefined) this.host.requestUpdate();
      else this.onEvent?.(event);
    });
  }

  hostDisconnected(): void {
    this.stop?.();
  }
}
