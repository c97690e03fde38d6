-- All figures of all runs, those of one name together
--
-- One row for each figure and run: a figure that a run does not define is NULL.
SELECT metric.name AS figure, metric.unit, run.id AS run, run.format, metric.value
FROM metric JOIN run ON run.id = metric.run_id
ORDER BY metric.name, run.id;
