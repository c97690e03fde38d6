-- How full the pool of each replica was over time
--
-- `mean_share` and `peak_share` are of blocks that somebody owns, at the ends of the rows of `step`
-- in a slice of time, the mean weighted by what each row lasted; `empty_share` is of their slots,
-- one a token, and tells how many held no token: fragmentation.
-- :slices (20) slices of each run
WITH span AS (
  SELECT run_id, max(end_ns) AS last_ns, ifnull(:slices, 20) AS slices FROM step GROUP BY run_id),
sliced AS (
  SELECT step.run_id, step.replica, step.used_blocks, replica_group.pool_blocks,
    step.empty_slots, replica_group.block_size,
    step.waiting_requests, step.preempted_requests, step.end_ns - step.start_ns AS ns,
    min(span.slices - 1, step.end_ns * span.slices / max(1, span.last_ns)) AS slice
  FROM step JOIN span ON span.run_id = step.run_id
  JOIN replica_group ON replica_group.run_id = step.run_id
    AND step.replica >= first_replica AND step.replica < first_replica + replicas)
SELECT run.id AS run, run.format, sliced.replica,
  slice * span.last_ns / 1e9 / span.slices AS from_s,
  1.0 * sum(used_blocks * ns) / max(1, sum(ns)) / pool_blocks AS mean_share,
  1.0 * max(used_blocks) / pool_blocks AS peak_share,
  1.0 * sum(empty_slots * ns) / nullif(sum(used_blocks * ns) * block_size, 0) AS empty_share,
  max(waiting_requests) AS most_waiting,
  sum(preempted_requests) AS preemptions
FROM sliced JOIN run ON run.id = sliced.run_id JOIN span ON span.run_id = run.id
GROUP BY run.id, sliced.replica, slice ORDER BY run.id, sliced.replica, slice;
