-- Which requests lost their blocks, why, and what it cost them
--
-- `cause`: decodes, when those that decode needed blocks for their next tokens; urgency, when a
-- waiting request was more urgent; failure, when a replica failed. `way`: preempted and swapped_out
-- lost blocks of the pool, the latter to the host's memory; displaced lost their replica.
-- `tokens_lost` and `blocks_freed` are of all of them together, `wait_ms` from the loss until a
-- request had blocks again, and `recompute_ms` from there until it had its next token: what was in
-- the host's memory is not computed again.
-- No rows: no request lost its blocks.
WITH loss AS (SELECT * FROM event WHERE kind IN ('preempted', 'swapped_out', 'displaced')),
regained AS (SELECT * FROM event WHERE kind IN ('resumed', 'swapped_in')),
recomputed AS (SELECT * FROM event WHERE kind = 'recomputed')
SELECT run.id AS run, run.format, loss.cause, loss.kind AS way, count(*) AS losses,
  count(DISTINCT loss.request_id) AS requests, sum(loss.tokens) AS tokens_lost,
  sum(loss.blocks) AS blocks_freed,
  avg(regained.time_ns - regained.start_ns) / 1e6 AS mean_wait_ms,
  max(regained.time_ns - regained.start_ns) / 1e6 AS longest_wait_ms,
  avg(recomputed.time_ns - recomputed.start_ns) / 1e6 AS mean_recompute_ms
FROM loss
JOIN run ON run.id = loss.run_id
LEFT JOIN regained ON regained.run_id = loss.run_id AND regained.request_id = loss.request_id
  AND regained.sample = loss.sample AND regained.start_ns = loss.time_ns
LEFT JOIN recomputed ON recomputed.run_id = regained.run_id
  AND recomputed.request_id = regained.request_id AND recomputed.sample = regained.sample
  AND recomputed.start_ns = regained.time_ns
GROUP BY run.id, loss.cause, loss.kind ORDER BY run.id, losses DESC, loss.cause, loss.kind;
