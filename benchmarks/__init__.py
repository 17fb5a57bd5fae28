"""The benchmark runner: `python -m benchmarks`, from the root of the project.

Each protocol has a module that lists its scenarios; a contender is a small function in `contenders`; the other side
of every scenario is a fixed program in `peers`.  `model` says what the words mean, `rounds` how a run is conducted.
"""
