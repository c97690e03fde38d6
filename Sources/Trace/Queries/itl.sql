-- Percentiles of the time between tokens by format and class, in milliseconds
--
-- Of runs with `--token-times`. A gap is between two steps that gave a sample tokens: those of one
-- step come at once, and have none between them. Percentiles are by the nearest rank.
-- Steps give many samples the same gap: each is counted before anything is sorted.
-- No rows: times of tokens are kept by `kvsim run --token-times`.
WITH counted AS (
  SELECT request.run_id, request.class_id, next.time_ns - token.time_ns AS ns, count(*) AS gaps
  FROM request_token_times AS token
  JOIN request_token_times AS next ON next.request_seq = token.request_seq
    AND next.sample = token.sample AND next.token = token.token + 1
  JOIN request ON request.seq = token.request_seq
  WHERE next.time_ns > token.time_ns
  GROUP BY request.run_id, request.class_id, ns),
ranked AS (
  SELECT *, sum(gaps) OVER (PARTITION BY run_id, class_id ORDER BY ns) AS place,
    sum(gaps) OVER (PARTITION BY run_id, class_id) AS all_gaps
  FROM counted)
SELECT ranked.run_id AS run, run.format, request_class.name AS class, all_gaps AS gaps,
  total(ns * gaps) / all_gaps / 1e6 AS mean,
  min(CASE WHEN place * 100 >= all_gaps * 50 THEN ns END) / 1e6 AS p50,
  min(CASE WHEN place * 100 >= all_gaps * 90 THEN ns END) / 1e6 AS p90,
  min(CASE WHEN place * 100 >= all_gaps * 95 THEN ns END) / 1e6 AS p95,
  min(CASE WHEN place * 100 >= all_gaps * 99 THEN ns END) / 1e6 AS p99,
  max(ns) / 1e6 AS max
FROM ranked
JOIN run ON run.id = ranked.run_id
JOIN request_class ON request_class.scenario_id = run.scenario_id
  AND request_class.id = ranked.class_id
GROUP BY ranked.run_id, ranked.class_id
ORDER BY ranked.run_id, ranked.class_id;
