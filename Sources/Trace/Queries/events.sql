-- What happened to requests and replicas between steps, kind by kind
--
-- Times in seconds since the start of the run; `mean_ms` is what one took, of kinds that take time.
-- No rows: nothing happened to requests and replicas between steps.
SELECT run.id AS run, run.format, event.kind, count(*) AS events,
  count(DISTINCT event.request_id) AS requests, min(event.time_ns) / 1e9 AS first_s,
  max(event.time_ns) / 1e9 AS last_s,
  CASE WHEN event.kind IN ('resumed', 'swapped_in', 'recomputed', 'handed_over', 'replica_ready')
    THEN avg(event.time_ns - event.start_ns) / 1e6 END AS mean_ms,
  sum(event.tokens) AS tokens, sum(event.blocks) AS blocks
FROM event JOIN run ON run.id = event.run_id
GROUP BY run.id, event.kind ORDER BY run.id, first_s, event.kind;
