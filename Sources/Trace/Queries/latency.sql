-- Percentiles of latency by format and class, in milliseconds
--
-- By the nearest rank: the smallest value that so many per cent of the requests do not exceed.
-- TPOT is of requests with two tokens or more, end-to-end of those that finished.
WITH long AS (
  SELECT run_id, class_id, '1 queueing' AS what, queue_ns AS ns FROM request
  UNION ALL SELECT run_id, class_id, '2 ttft', ttft_ns FROM request
  UNION ALL SELECT run_id, class_id, '3 tpot', tpot_ns FROM request
  UNION ALL SELECT run_id, class_id, '4 e2e', e2e_ns FROM request),
ranked AS (
  SELECT run_id, class_id, what, ns,
    row_number() OVER (PARTITION BY run_id, class_id, what ORDER BY ns) AS place,
    count(*) OVER (PARTITION BY run_id, class_id, what) AS requests
  FROM long WHERE ns IS NOT NULL)
SELECT ranked.run_id AS run, run.format, request_class.name AS class,
  substr(ranked.what, 3) AS time, ranked.requests, avg(ns) / 1e6 AS mean,
  min(CASE WHEN place * 100 >= ranked.requests * 50 THEN ns END) / 1e6 AS p50,
  min(CASE WHEN place * 100 >= ranked.requests * 90 THEN ns END) / 1e6 AS p90,
  min(CASE WHEN place * 100 >= ranked.requests * 95 THEN ns END) / 1e6 AS p95,
  min(CASE WHEN place * 100 >= ranked.requests * 99 THEN ns END) / 1e6 AS p99,
  max(ns) / 1e6 AS max
FROM ranked
JOIN run ON run.id = ranked.run_id
JOIN request_class ON request_class.scenario_id = run.scenario_id
  AND request_class.id = ranked.class_id
GROUP BY ranked.run_id, ranked.class_id, ranked.what
ORDER BY ranked.run_id, ranked.class_id, ranked.what;
