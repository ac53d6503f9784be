"""Where the units of a run are worked: in this process, or on the machines of a Ray cluster."""

from dreambench.executors.executor_options import ExecutorOptions
from dreambench.executors.task import Executor, Outcome, Task, Unit

__all__ = ["Executor", "ExecutorOptions", "Outcome", "Task", "Unit"]
