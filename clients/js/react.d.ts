import type { ConductorClient, Job, JobProgress, Model, SubmitOptions } from './index.js';

/** The hooks of React that are used; pass `React` itself. */
export interface ReactHooks {
  useCallback: <T extends (...args: any[]) => any>(callback: T, deps: readonly unknown[]) => T;
  useEffect: (effect: () => void | (() => void), deps?: readonly unknown[]) => void;
  useRef: <T>(initial: T) => { current: T };
  useState: <T>(initial: T) => [T, (value: any) => void];
}

export interface ConductorHooks {
  /** Live state of a model, or of the default one; null until known. */
  useModelStatus(
    client: ConductorClient,
    model?: string | null,
  ): Model | { id: string | null; state: 'unreachable'; error: Error } | null;
  /** Progress and result of a job; null: none. */
  useJob(
    client: ConductorClient,
    jobId: string | null,
  ): { progress: JobProgress | null; job: Job | null; error: Error | null };
  /** Send a recording and follow its job; `waiting` is set while the model is not ready. */
  useTranscribe(client: ConductorClient): {
    submit: (recording: Blob, options?: Omit<SubmitOptions, 'signal' | 'onWaiting'>) => Promise<void>;
    isSubmitting: boolean;
    waiting: { state: string | null; retryAfter: number | null; attempt: number } | null;
    jobId: string | null;
    progress: JobProgress | null;
    job: Job | null;
    error: Error | null;
  };
}

export function createHooks(react: ReactHooks): ConductorHooks;
