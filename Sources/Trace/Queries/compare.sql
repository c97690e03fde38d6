-- Format against format, request by request
--
-- The same request in each run against the first run: how many are faster, and by how much.
-- Requests of sessions are numbered in the order in which they fall due, which differs from run to
-- run: those that have another prompt or output than the request of their number in the first run
-- are not compared, and counted as `others`.
-- No rows: there is one run, or the others have no finished request in common with the first.
WITH pairs AS (
  SELECT other.run_id, first.ttft_ns AS ttft_before, other.ttft_ns AS ttft,
    first.e2e_ns AS e2e_before, other.e2e_ns AS e2e,
    first.class_id = other.class_id AND first.prompt_tokens = other.prompt_tokens
      AND first.output_tokens = other.output_tokens AND first.samples = other.samples AS is_same
  FROM request AS first JOIN request AS other ON other.id = first.id AND other.run_id > first.run_id
  WHERE first.run_id = (SELECT min(id) FROM run)
    AND first.e2e_ns IS NOT NULL AND other.e2e_ns IS NOT NULL),
others AS (SELECT run_id, sum(NOT is_same) AS requests FROM pairs GROUP BY run_id),
ranked AS (
  SELECT *, 1.0 * e2e / e2e_before AS ratio,
    row_number() OVER (PARTITION BY run_id ORDER BY 1.0 * e2e / e2e_before) AS place,
    count(*) OVER (PARTITION BY run_id) AS requests
  FROM pairs WHERE is_same)
SELECT run.id AS run, run.format, ranked.requests, others.requests AS others,
  avg(e2e < e2e_before) AS faster_share,
  avg(ttft < ttft_before) AS sooner_share,
  avg(ttft - ttft_before) / 1e6 AS ttft_change_ms, avg(e2e - e2e_before) / 1e6 AS e2e_change_ms,
  min(CASE WHEN place * 100 >= ranked.requests * 5 THEN ratio END) AS e2e_ratio_p5,
  min(CASE WHEN place * 100 >= ranked.requests * 50 THEN ratio END) AS e2e_ratio_p50,
  min(CASE WHEN place * 100 >= ranked.requests * 95 THEN ratio END) AS e2e_ratio_p95
FROM ranked
JOIN run ON run.id = ranked.run_id
JOIN others ON others.run_id = ranked.run_id
GROUP BY run.id ORDER BY run.id;
