-- How many requests run and wait over time, all replicas together
--
-- The run is cut into as many slices of time as asked for. `running` and `waiting` are means over
-- the time of the steps that end in a slice, by replica, added up; `most_running` is one replica's.
-- :slices (20) slices of each run
WITH span AS (
  SELECT run_id, max(end_ns) AS last_ns, ifnull(:slices, 20) AS slices FROM step GROUP BY run_id),
sliced AS (
  SELECT step.run_id, step.replica, step.end_ns - step.start_ns AS ns,
    min(span.slices - 1, step.end_ns * span.slices / max(1, span.last_ns)) AS slice,
    step.decode_sequences + step.prefill_sequences AS running, step.waiting_requests AS waiting
  FROM step JOIN span ON span.run_id = step.run_id),
replicas AS (
  SELECT run_id, slice, replica, max(running) AS most_running,
    1.0 * sum(running * ns) / max(1, sum(ns)) AS running,
    1.0 * sum(waiting * ns) / max(1, sum(ns)) AS waiting
  FROM sliced GROUP BY run_id, slice, replica)
SELECT run.id AS run, run.format, slice * span.last_ns / 1e9 / span.slices AS from_s,
  sum(running) AS running, sum(waiting) AS waiting, max(most_running) AS most_running
FROM replicas JOIN run ON run.id = replicas.run_id JOIN span ON span.run_id = run.id
GROUP BY run.id, slice ORDER BY run.id, slice;
