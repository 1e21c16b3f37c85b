// React hooks for the client. React is passed in, so that this package depends on nothing:
//   import * as React from 'react';
//   const { useModelStatus, useJob, useTranscribe } = createHooks(React);

export function createHooks({ useCallback, useEffect, useRef, useState }) {
  function useModelStatus(client, model = null) {
    const [status, setStatus] = useState(null);
    useEffect(() => {
      const stop = new AbortController();
      const { signal } = stop;
      const follow = async () => {
        const id = model ?? (await client.health({ signal })).model;
        for await (const { data } of client.events({ signal })) {
          // The first event is that of the connection, so nothing is missed.
          const isFirst = data.type === 'stream_opened' || data.type === 'events_lost';
          if (!isFirst && data.model !== id) continue;
          setStatus(await client.model(id, { signal }));
        }
      };
      follow().catch((error) => {
        if (!signal.aborted) setStatus({ id: model, state: 'unreachable', error });
      });
      return () => stop.abort();
    }, [client, model]);
    return status;
  }

  function useJob(client, jobId) {
    const [progress, setProgress] = useState(null);
    const [job, setJob] = useState(null);
    const [error, setError] = useState(null);
    useEffect(() => {
      setProgress(null);
      setJob(null);
      setError(null);
      if (!jobId) return undefined;
      const stop = new AbortController();
      const { signal } = stop;
      client.waitForJob(jobId, { signal, onProgress: setProgress }).then(
        (done) => {
          setJob(done);
          setProgress((last) => ({ ...last, percent: 100 }));
        },
        (reason) => {
          if (!signal.aborted) setError(reason);
        },
      );
      return () => stop.abort();
    }, [client, jobId]);
    return { progress, job, error };
  }

  function useTranscribe(client) {
    const [jobId, setJobId] = useState(null);
    const [waiting, setWaiting] = useState(null);
    const [isSubmitting, setSubmitting] = useState(false);
    const [submitError, setSubmitError] = useState(null);
    const running = useRef(null);
    useEffect(() => () => running.current?.abort(), []);
    const submit = useCallback(
      async (recording, options = {}) => {
        running.current?.abort();
        const stop = new AbortController();
        running.current = stop;
        setJobId(null);
        setSubmitError(null);
        setSubmitting(true);
        try {
          const id = await client.submit(recording, {
            ...options,
            signal: stop.signal,
            onWaiting: setWaiting,
          });
          setJobId(id);
        } catch (reason) {
          if (!stop.signal.aborted) setSubmitError(reason);
        } finally {
          if (running.current === stop) {
            setSubmitting(false);
            setWaiting(null);
          }
        }
      },
      [client],
    );
    const { progress, job, error } = useJob(client, jobId);
    return { submit, isSubmitting, waiting, jobId, progress, job, error: submitError ?? error };
  }

  return { useModelStatus, useJob, useTranscribe };
}
