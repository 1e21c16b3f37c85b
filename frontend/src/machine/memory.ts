// How the memory of a device is divided.

import type { Device, Model } from "../core/types";

export interface Segment {
  kind: "model" | "reserved" | "other" | "free";
  name: string;
  bytes: number;
  /** 1 to 6: number of the color of a model. */
  color: number;
}

const COLORS = 6;

/** Return the models that hold memory of a device, the largest first. */
export function modelsOn(device: string, models: readonly Model[]): Model[] {
  return models
    .filter((model) => model.device === device && ["ready", "unloading"].includes(model.state))
    .sort((a, b) => b.memory_bytes - a.memory_bytes);
}

/** Divide the memory of a device; the segments add up to its total. */
export function segments(device: Device, models: readonly Model[]): Segment[] {
  const loaded = modelsOn(device.device, models);
  const result: Segment[] = loaded.map((model, index) => ({
    kind: "model",
    name: model.id,
    bytes: model.memory_bytes,
    color: (index % COLORS) + 1,
  }));
  const held = loaded.reduce((sum, model) => sum + model.memory_bytes, 0);
  const free = Math.max(0, Math.min(device.free_bytes, device.total_bytes - held));
  const reserved = Math.min(device.reserved_bytes, free);
  const other = Math.max(0, device.total_bytes - held - free);
  if (reserved > 0) result.push({ kind: "reserved", name: "", bytes: reserved, color: 0 });
  if (other > 0) result.push({ kind: "other", name: "", bytes: other, color: 0 });
  result.push({ kind: "free", name: "", bytes: free - reserved, color: 0 });
  return result;
}

/** Return the models that are unloaded first when another one needs the memory of the device. */
export function evictable(device: string, models: readonly Model[]): Model[] {
  return modelsOn(device, models)
    .filter((model) => !model.pinned && !model.active_requests && model.state === "ready")
    .sort((a, b) => (a.last_used ?? "").localeCompare(b.last_used ?? ""));
}
