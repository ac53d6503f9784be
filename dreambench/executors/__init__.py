"""Where the tasks of a run are done: in this process, or on the machines of a Ray cluster."""

from dreambench.executors.executor_options import ExecutorOptions
from dreambench.executors.task import Executor, Outcome, QueuedTask, Task

__all__ = ["Executor", "ExecutorOptions", "Outcome", "QueuedTask", "Task"]
