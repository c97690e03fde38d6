-- What each point of a sweep came to, in each format: throughput, latencies, requests at once
--
-- One row for each point and format, with what the point sets. `requests_at_once` is the most that
-- one replica ran, of which each sample of a request counts; `reason` says why a point failed, and
-- is NULL of one that did not.
-- No rows: points are in the database of `kvsim sweep`.
WITH settings AS (
  SELECT point_id, group_concat(path || '=' || value, ' ') AS settings
  FROM (SELECT point_id, path, value FROM sweep_setting ORDER BY point_id, axis)
  GROUP BY point_id),
figures AS (
  SELECT run_id,
    max(value) FILTER (WHERE name = 'requests_per_s') AS requests_per_s,
    max(value) FILTER (WHERE name = 'output_tokens_per_s') AS output_tokens_per_s,
    max(value) FILTER (WHERE name = 'ttft_p50_ns') / 1e6 AS ttft_p50_ms,
    max(value) FILTER (WHERE name = 'ttft_p99_ns') / 1e6 AS ttft_p99_ms,
    max(value) FILTER (WHERE name = 'tpot_p50_ns') / 1e6 AS tpot_p50_ms,
    max(value) FILTER (WHERE name = 'tpot_p99_ns') / 1e6 AS tpot_p99_ms,
    max(value) FILTER (WHERE name = 'e2e_p99_ns') / 1e6 AS e2e_p99_ms,
    max(value) FILTER (WHERE name = 'good_share') AS good_share,
    CAST(max(value) FILTER (WHERE name = 'peak_running') AS INTEGER) AS requests_at_once,
    CAST(max(value) FILTER (WHERE name = 'preemptions') AS INTEGER) AS preemptions,
    CAST(max(value) FILTER (WHERE name = 'rejected_requests') AS INTEGER) AS rejected
  FROM metric GROUP BY run_id)
SELECT sweep_point.id AS point, settings.settings, run.format, figures.requests_per_s,
  figures.output_tokens_per_s, figures.ttft_p50_ms, figures.ttft_p99_ms, figures.tpot_p50_ms,
  figures.tpot_p99_ms, figures.e2e_p99_ms, figures.good_share, figures.requests_at_once,
  figures.preemptions, figures.rejected, sweep_point.reason
FROM sweep_point
JOIN settings ON settings.point_id = sweep_point.id
LEFT JOIN run ON run.point_id = sweep_point.id
LEFT JOIN figures ON figures.run_id = run.id
ORDER BY sweep_point.id, run.id;
