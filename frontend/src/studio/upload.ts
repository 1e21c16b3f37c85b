// Sends files with progress, which `fetch` does not report.

import { ApiError, type Connection } from "../core/api";

/** Send a form; `onProgress` gets the share that was sent, 0 to 1. Throws ApiError. */
export function sendForm<T>(
  connection: Connection,
  path: string,
  form: FormData,
  onProgress: (share: number) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", connection.url(path));
    request.responseType = "json";
    request.upload.onprogress = (event) => onProgress(event.total ? event.loaded / event.total : 0);
    request.onerror = () => reject(new ApiError("", 0, "UNREACHABLE"));
    request.onload = () => {
      const body = request.response as { error?: string; code?: string; detail?: string } | null;
      if (request.status < 300) resolve(body as T);
      else {
        reject(
          new ApiError(body?.error ?? request.statusText, request.status, body?.code ?? "", body?.detail ?? ""),
        );
      }
    };
    request.send(form);
  });
}
