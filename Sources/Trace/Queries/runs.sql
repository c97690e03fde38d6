-- Which runs there are: scenario, format, replicas, and whether each has ended
--
-- One row for each kind of replicas of each run. Two runs with the same digest recorded the same
-- requests and steps.
SELECT run.id AS run, scenario.name AS scenario, run.format, replica_group.name AS replicas,
  replica_group.replicas AS count, profile.device, profile.provenance,
  CASE run.completed WHEN 1 THEN 'yes' ELSE 'no' END AS ended, run.requests,
  run.last_event_ns / 1e9 AS seconds, run.row_digest, run.kvsim_version AS kvsim
FROM run
JOIN scenario ON scenario.id = run.scenario_id
JOIN replica_group ON replica_group.run_id = run.id
JOIN profile ON profile.id = replica_group.profile_id
ORDER BY run.id, replica_group.id;
