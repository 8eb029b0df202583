def pytest_collection_modifyitems(items):
    "nbval takes a cell without an execution count for one that was never run, but `nbdev_clean` removes the counts."
    for item in items:
        cell = getattr(item, 'cell', None)
        if cell and cell.outputs and cell.execution_count is None: cell.execution_count = 1
