-- What each format holds: tokens of the pool, how full it was, how many requests ran at once
--
-- `times` is the pool's tokens as a multiple of the first run's, replicas of one kind compared.
-- `most_running`, of which each sample of a request counts, and `peak_share` are of the replica
-- where they were highest; `preempted` are requests that lost their blocks at least once.
WITH busiest AS (
  SELECT step.run_id, replica_group.id AS group_id, max(step.used_blocks) AS used_blocks,
    max(step.decode_sequences + step.prefill_sequences) AS running,
    max(step.waiting_requests) AS waiting
  FROM step JOIN replica_group ON replica_group.run_id = step.run_id
    AND step.replica >= first_replica AND step.replica < first_replica + replicas
  GROUP BY step.run_id, replica_group.id),
lost AS (SELECT run_id, sum(preemptions > 0) AS requests FROM request GROUP BY run_id)
SELECT run.id AS run, run.format, replica_group.name AS replicas,
  replica_group.kv_bytes_per_token AS bytes_per_token, replica_group.pool_tokens,
  1.0 * replica_group.pool_tokens
    / first_value(replica_group.pool_tokens) OVER (PARTITION BY replica_group.id ORDER BY run.id)
    AS times,
  1.0 * busiest.used_blocks / replica_group.pool_blocks AS peak_share,
  busiest.running AS most_running, busiest.waiting AS most_waiting, lost.requests AS preempted
FROM run
JOIN replica_group ON replica_group.run_id = run.id
LEFT JOIN busiest ON busiest.run_id = run.id AND busiest.group_id = replica_group.id
LEFT JOIN lost ON lost.run_id = run.id
ORDER BY run.id, replica_group.id;
