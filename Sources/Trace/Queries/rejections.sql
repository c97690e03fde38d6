-- Why requests were rejected, by class
--
-- `cause`: context, longer than the model's context; step, longer than a step where the scheduler
-- computes prompts in one piece; pool, longer than the whole pool of a replica; seats, more samples
-- than a replica has seats; queue, all queues were full; no_replica, none was left that could play
-- it; turn, the turn of its session before it was rejected. `share` is of all requests of the class
-- that left, times are seconds since the start of the run, `max_tokens` what the longest of them
-- would have had in the cache at its end.
-- No rows: no request was rejected.
WITH requests AS (
  SELECT run_id, class_id, count(*) AS requests FROM request GROUP BY run_id, class_id),
rejection AS (
  SELECT event.run_id, request.class_id, event.cause, count(*) AS rejections,
    min(event.time_ns) AS first_ns, max(event.time_ns) AS last_ns,
    avg(request.prompt_tokens) AS prompt_tokens, min(event.tokens) AS least_tokens,
    max(event.tokens) AS most_tokens
  FROM event JOIN request ON request.run_id = event.run_id AND request.id = event.request_id
  WHERE event.kind = 'rejected' AND request.outcome = 'rejected'
  GROUP BY event.run_id, request.class_id, event.cause)
SELECT run.id AS run, run.format, request_class.name AS class, rejection.cause,
  rejection.rejections, rejections * 1.0 / requests.requests AS share,
  first_ns / 1e9 AS first_s, last_ns / 1e9 AS last_s, prompt_tokens AS mean_prompt_tokens,
  least_tokens AS min_tokens, most_tokens AS max_tokens
FROM rejection
JOIN run ON run.id = rejection.run_id
JOIN requests ON requests.run_id = run.id AND requests.class_id = rejection.class_id
JOIN request_class ON request_class.scenario_id = run.scenario_id
  AND request_class.id = rejection.class_id
ORDER BY run.id, rejection.class_id, rejections DESC, rejection.cause;
