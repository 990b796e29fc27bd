"""Take tasks from a queue, and hold a lease."""

from persidict import Counter, FileDirDict, Lease, Queue, Semaphore

store = FileDirDict("work")
queue = Queue(store, "tasks")
queue.put({"file": "a.txt"})
task = queue.get()
if task is not None:
    with task, Lease(store, "a-lease") as token, Semaphore(store, "gpu", limit=2):
        print(task.value["file"], token)
Counter(store, "done").add(1)
