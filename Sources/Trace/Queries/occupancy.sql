-- How full the pool of each replica was over time
--
-- `mean_share` and `peak_share` are of blocks that somebody owns: a row of `step` counts with what
-- it had at its end, for as long as it lasted, and between steps nothing does. `empty_share` is of
-- their slots, one a token, and tells how many held no token: fragmentation. Steps of a pipeline's
-- lanes overlap, and each says what all lanes have: where they do, it is counted once.
-- :slices count (20) slices of each run
WITH RECURSIVE span AS (
  SELECT run.id AS run_id, slices,
    1.0 * max(ifnull(run.last_event_ns, 0), max(step.end_ns)) / slices AS width
  FROM step JOIN run ON run.id = step.run_id, (SELECT ifnull(:slices, 20) AS slices)
  GROUP BY run.id HAVING max(step.end_ns) > 0),
slice AS (
  SELECT DISTINCT span.run_id, replica, 0 AS slice, slices
  FROM span JOIN step ON step.run_id = span.run_id
  UNION ALL SELECT run_id, replica, slice + 1, slices FROM slice WHERE slice + 1 < slices),
counted AS (
  SELECT *, ifnull(max(end_ns) OVER (
      PARTITION BY run_id, replica ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
    0) AS before_ns
  FROM step),
-- A row for each slice that a row of `step` reaches into.
piece AS (
  SELECT counted.run_id, replica, start_ns, end_ns, min(end_ns, max(start_ns, before_ns)) AS new_ns,
    used_blocks, empty_slots, waiting_requests, preempted_requests, width,
    min(slices - 1, CAST(start_ns / width AS INTEGER)) AS slice,
    min(slices - 1, CAST(end_ns / width AS INTEGER)) AS last
  FROM counted JOIN span ON span.run_id = counted.run_id
  UNION ALL
  SELECT run_id, replica, start_ns, end_ns, new_ns, used_blocks, empty_slots, waiting_requests, 0,
    width, slice + 1, last
  FROM piece WHERE slice < last),
sums AS (
  SELECT run_id, replica, slice, total(used_blocks * ns) AS used,
    total(used_blocks * ns) / width AS mean_used, max(used_blocks) AS most_used,
    total(empty_slots * ns) AS empty, max(waiting_requests) AS most_waiting,
    sum(preempted_requests) AS preemptions
  FROM (
    SELECT *, max(0, min(end_ns, (slice + 1) * width) - max(new_ns, slice * width)) AS ns
    FROM piece)
  GROUP BY run_id, replica, slice)
SELECT run.id AS run, run.format, slice.replica, slice.slice * span.width / 1e9 AS from_s,
  ifnull(mean_used, 0.0) / pool_blocks AS mean_share,
  1.0 * ifnull(most_used, 0) / pool_blocks AS peak_share,
  empty / nullif(used * block_size, 0) AS empty_share,
  ifnull(most_waiting, 0) AS most_waiting, ifnull(preemptions, 0) AS preemptions
FROM slice
JOIN run ON run.id = slice.run_id
JOIN span ON span.run_id = slice.run_id
JOIN replica_group ON replica_group.run_id = slice.run_id
  AND slice.replica >= first_replica AND slice.replica < first_replica + replicas
LEFT JOIN sums ON sums.run_id = slice.run_id AND sums.replica = slice.replica
  AND sums.slice = slice.slice
ORDER BY run.id, slice.replica, slice.slice;
