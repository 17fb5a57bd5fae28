from pathlib import Path
FOLDER=Path("build/benchmarks/plots")
def draw_all(outcomes, folder): return []
