-- Percentiles of the time between tokens by format and class, in milliseconds
--
-- Of runs with `--token-times`. A gap is between two steps that gave a sample tokens: those of one
-- step come at once, and have none between them. Percentiles are by the nearest rank.
WITH gap AS (
  SELECT request.run_id, request.class_id,
    time_ns - lag(time_ns) OVER (PARTITION BY request_seq, sample ORDER BY token) AS ns
  FROM request_token_times JOIN request ON request.seq = request_seq),
ranked AS (
  SELECT run_id, class_id, ns,
    row_number() OVER (PARTITION BY run_id, class_id ORDER BY ns) AS place,
    count(*) OVER (PARTITION BY run_id, class_id) AS gaps
  FROM gap WHERE ns > 0)
SELECT ranked.run_id AS run, run.format, request_class.name AS class, ranked.gaps,
  avg(ns) / 1e6 AS mean, min(CASE WHEN place * 100 >= ranked.gaps * 50 THEN ns END) / 1e6 AS p50,
  min(CASE WHEN place * 100 >= ranked.gaps * 90 THEN ns END) / 1e6 AS p90,
  min(CASE WHEN place * 100 >= ranked.gaps * 95 THEN ns END) / 1e6 AS p95,
  min(CASE WHEN place * 100 >= ranked.gaps * 99 THEN ns END) / 1e6 AS p99,
  max(ns) / 1e6 AS max
FROM ranked
JOIN run ON run.id = ranked.run_id
JOIN request_class ON request_class.scenario_id = run.scenario_id
  AND request_class.id = ranked.class_id
GROUP BY ranked.run_id, ranked.class_id
ORDER BY ranked.run_id, ranked.class_id;
