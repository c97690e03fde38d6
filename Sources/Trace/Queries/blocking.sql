-- Which requests delayed which: whose prompts or blocks were in the way of the longest waits
--
-- For the requests of each run that waited longest for their first step, those that were on the
-- replica of their prompt meanwhile. `blocked_ms` is for how long of the wait the prompt of the
-- other was computed, the head of the line; `held_ms` for how long the other had begun and not left
-- that replica, and so held blocks and a seat, unless it lost them. Of the replica's steps in the
-- wait, `prompt_share` is that of those, by time, that computed prompts, and `pool_share` how full
-- the pool was on the mean. Where prompts were computed for less than half of the wait, or the pool
-- was nine tenths full, the wait was for blocks or a seat: those come first that held theirs
-- longest, of them the longest contexts. Else those come first whose prompts took longest.
-- :top count (3) requests of each run that waited longest
-- :blockers count (3) for each, those that were in its way longest
-- No rows: no request waited for its first step.
WITH copied AS (
  SELECT run_id, request_id, replica, max(time_ns) AS left_ns
  FROM event WHERE kind = 'handed_over' GROUP BY run_id, request_id),
-- Each request on the replica that computed its prompt.
stay AS (
  SELECT request.run_id, request.id, ifnull(copied.replica, request.replica) AS replica, arrival_ns,
    scheduled_ns, first_token_ns, ifnull(left_ns, finish_ns) AS left_ns, queue_ns, prompt_tokens,
    prompt_tokens + output_tokens AS tokens
  FROM request LEFT JOIN copied
    ON copied.run_id = request.run_id AND copied.request_id = request.id
  WHERE scheduled_ns IS NOT NULL),
placed AS (
  SELECT *, row_number() OVER (PARTITION BY run_id ORDER BY queue_ns DESC, id) AS place
  FROM stay WHERE queue_ns > 0),
waited AS MATERIALIZED (SELECT * FROM placed WHERE place <= ifnull(:top, 3)),
meanwhile AS (
  SELECT run_id, place, total(prompt_ns) / nullif(total(ns), 0) AS prompt_share,
    total(used_blocks * ns) / nullif(total(ns) * pool_blocks, 0) AS pool_share
  FROM (
    SELECT *, ns * (prefill_sequences > 0) AS prompt_ns
    FROM (
      SELECT waited.run_id, waited.place, used_blocks, prefill_sequences, pool_blocks,
        min(end_ns, scheduled_ns) - max(start_ns, arrival_ns) AS ns
      FROM waited JOIN step ON step.run_id = waited.run_id AND step.replica = waited.replica
        AND start_ns < scheduled_ns AND end_ns > arrival_ns
      JOIN replica_group ON replica_group.run_id = waited.run_id
        AND step.replica >= first_replica AND step.replica < first_replica + replicas))
  GROUP BY run_id, place),
others AS (
  SELECT waited.run_id, waited.place, waited.id, waited.queue_ns, waited.prompt_tokens,
    prompt_share, pool_share, prompt_share < 0.5 OR pool_share >= 0.9 AS is_held,
    stay.id AS other, stay.prompt_tokens AS other_tokens, stay.tokens,
    max(0, min(waited.scheduled_ns, ifnull(stay.first_token_ns, stay.left_ns))
      - max(waited.arrival_ns, stay.scheduled_ns)) AS blocked_ns,
    min(waited.scheduled_ns, stay.left_ns) - max(waited.arrival_ns, stay.scheduled_ns) AS held_ns
  FROM waited
  JOIN stay ON stay.run_id = waited.run_id AND stay.replica = waited.replica
    AND stay.id <> waited.id AND stay.scheduled_ns < waited.scheduled_ns
    AND stay.left_ns > waited.arrival_ns
  LEFT JOIN meanwhile ON meanwhile.run_id = waited.run_id AND meanwhile.place = waited.place),
ranked AS (
  SELECT *, row_number() OVER (
      PARTITION BY run_id, place
      ORDER BY CASE WHEN is_held THEN held_ns ELSE blocked_ns END DESC, tokens DESC, other)
    AS rank
  FROM others WHERE is_held OR blocked_ns > 0)
SELECT run.id AS run, run.format, ranked.id AS request, queue_ns / 1e6 AS waited_ms,
  prompt_tokens, prompt_share, pool_share, other AS blocker, other_tokens AS blocker_tokens,
  blocked_ns / 1e6 AS blocked_ms, held_ns / 1e6 AS held_ms
FROM ranked JOIN run ON run.id = ranked.run_id
WHERE rank <= ifnull(:blockers, 3)
ORDER BY run.id, place, rank;
