-- Where the time of steps goes, operator by operator
--
-- Seconds over all steps of a run, and the share of all of them; below, how much of it was priced
-- beyond the measured points, or derived from other shapes and bytes.
WITH sums AS (
  SELECT run_id, sum(linear_ns) AS linear, sum(append_ns) AS append,
    sum(decode_attention_ns) AS decode, sum(prefill_attention_ns) AS prefill,
    sum(elementwise_ns) AS elementwise, sum(collective_ns) AS collective, sum(host_ns) AS host,
    sum(swap_ns) AS swap, sum(extrapolated_ns) AS extrapolated, sum(derived_ns) AS derived,
    sum(end_ns - start_ns) AS busy
  FROM step GROUP BY run_id),
long AS (
  SELECT run_id, busy, 1 AS line, 'linear' AS operator, linear AS ns FROM sums
  UNION ALL SELECT run_id, busy, 2, 'append', append FROM sums
  UNION ALL SELECT run_id, busy, 3, 'decode attention', decode FROM sums
  UNION ALL SELECT run_id, busy, 4, 'prefill attention', prefill FROM sums
  UNION ALL SELECT run_id, busy, 5, 'elementwise', elementwise FROM sums
  UNION ALL SELECT run_id, busy, 6, 'collective', collective FROM sums
  UNION ALL SELECT run_id, busy, 7, 'host', host FROM sums
  UNION ALL SELECT run_id, busy, 8, 'swap', swap FROM sums
  UNION ALL SELECT run_id, busy, 9, '(extrapolated)', extrapolated FROM sums
  UNION ALL SELECT run_id, busy, 10, '(derived)', derived FROM sums)
SELECT run.id AS run, run.format, operator, ns / 1e9 AS seconds, 1.0 * ns / nullif(busy, 0) AS share
FROM long JOIN run ON run.id = long.run_id
WHERE ns > 0
ORDER BY run.id, line;
