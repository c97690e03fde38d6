-- Which requests delayed which: whose prompts were computed while the longest waited
--
-- For the requests of each run that waited longest for their first step, those whose prompts were
-- computed on the same replica meanwhile, and for how long of the wait: the head of the line.
-- :top (3) requests of each run that waited longest
-- :blockers (3) for each, those that were ahead longest
WITH waited AS (
  SELECT run_id, id, replica, arrival_ns, scheduled_ns, queue_ns, prompt_tokens,
    row_number() OVER (PARTITION BY run_id ORDER BY queue_ns DESC, id) AS place
  FROM request WHERE queue_ns > 0),
ahead AS (
  SELECT waited.run_id, waited.id, waited.place, waited.queue_ns, waited.prompt_tokens,
    other.id AS blocker, other.prompt_tokens AS blocker_tokens,
    min(waited.scheduled_ns, other.first_token_ns) - max(waited.arrival_ns, other.scheduled_ns)
      AS overlap_ns
  FROM waited JOIN request AS other
    ON other.run_id = waited.run_id AND other.replica = waited.replica AND other.id <> waited.id
    AND other.scheduled_ns < waited.scheduled_ns AND other.first_token_ns > waited.arrival_ns
  WHERE waited.place <= ifnull(:top, 3)),
ranked AS (
  SELECT *, row_number() OVER (PARTITION BY run_id, id ORDER BY overlap_ns DESC, blocker) AS rank
  FROM ahead)
SELECT run.id AS run, run.format, ranked.id AS request, ranked.queue_ns / 1e6 AS waited_ms,
  ranked.prompt_tokens, blocker, blocker_tokens, overlap_ns / 1e6 AS blocked_ms
FROM ranked JOIN run ON run.id = ranked.run_id
WHERE rank <= ifnull(:blockers, 3)
ORDER BY run.id, ranked.place, rank;
