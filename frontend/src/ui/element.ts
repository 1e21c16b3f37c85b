// Base of all components.

import { LitElement, type CSSResultGroup } from "lit";
import { ApiError } from "../core/api";
import { t } from "../core/localize";
import { sharedStyles } from "./styles";
import { toast } from "./toasts";

export class WcElement extends LitElement {
  static override styles: CSSResultGroup = sharedStyles;

  /** Await an action of the user and show its failure; undefined if it failed. */
  protected async run<T>(action: Promise<T>, done?: string): Promise<T | undefined> {
    try {
      const result = await action;
      if (done) toast(done);
      return result;
    } catch (error) {
      toast(errorText(error), "error");
      return undefined;
    }
  }
}

/** Return what happened and what to do next. */
export function errorText(error: unknown): string {
  if (error instanceof ApiError) {
    if (error.code === "UNREACHABLE") return t("error.unreachable");
    const faults = error.faults.map((fault) => `${fault.path}: ${fault.message}`);
    return [error.message, ...faults, error.detail].filter(Boolean).join(" ");
  }
  return error instanceof Error ? error.message : String(error);
}
