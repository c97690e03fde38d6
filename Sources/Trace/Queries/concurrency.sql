-- How many sequences run and requests wait over time, all replicas together
--
-- The run is cut into as many slices of time as asked for. `running` and `waiting` are means over a
-- slice: a row of `step` counts with its sequences, and with what waited when it began, for as long
-- as it lasted, and between steps nothing does. `most_running` is the largest batch of one step. A
-- request of several samples is as many sequences.
-- :slices count (20) slices of each run
WITH RECURSIVE span AS (
  SELECT run.id AS run_id, slices,
    1.0 * max(ifnull(run.last_event_ns, 0), max(step.end_ns)) / slices AS width
  FROM step JOIN run ON run.id = step.run_id, (SELECT ifnull(:slices, 20) AS slices)
  GROUP BY run.id HAVING max(step.end_ns) > 0),
slice AS (
  SELECT run_id, 0 AS slice, slices FROM span
  UNION ALL SELECT run_id, slice + 1, slices FROM slice WHERE slice + 1 < slices),
-- A row for each slice that a row of `step` reaches into.
piece AS (
  SELECT step.run_id, start_ns, end_ns, decode_sequences + prefill_sequences AS running,
    waiting_requests AS waiting, width,
    min(slices - 1, CAST(start_ns / width AS INTEGER)) AS slice,
    min(slices - 1, CAST(end_ns / width AS INTEGER)) AS last
  FROM step JOIN span ON span.run_id = step.run_id
  WHERE end_ns > start_ns
  UNION ALL
  SELECT run_id, start_ns, end_ns, running, waiting, width, slice + 1, last
  FROM piece WHERE slice < last),
sums AS (
  SELECT run_id, slice, total(running * ns) / width AS running,
    total(waiting * ns) / width AS waiting, max(running) FILTER (WHERE ns > 0) AS most_running
  FROM (
    SELECT *, max(0, min(end_ns, (slice + 1) * width) - max(start_ns, slice * width)) AS ns
    FROM piece)
  GROUP BY run_id, slice)
SELECT run.id AS run, run.format, slice.slice * span.width / 1e9 AS from_s,
  ifnull(sums.running, 0) AS running, ifnull(sums.waiting, 0) AS waiting,
  ifnull(sums.most_running, 0) AS most_running
FROM slice
JOIN run ON run.id = slice.run_id
JOIN span ON span.run_id = slice.run_id
LEFT JOIN sums ON sums.run_id = slice.run_id AND sums.slice = slice.slice
ORDER BY run.id, slice.slice;
