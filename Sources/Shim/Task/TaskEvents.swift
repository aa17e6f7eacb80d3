import ContainerdAPI

/// Sends containerd the events of one task (containerd, api/events/task.proto).
struct TaskEvents: Sendable {
    let id: String
    let publisher: EventPublisher

    func created(bundle: String, _ io: StandardIO, processID: UInt32) {
        var event = Containerd_Events_TaskCreate()
        event.containerID = id
        event.bundle = bundle
        event.pid = processID
        event.io.stdin = io.input
        event.io.stdout = io.output
        event.io.stderr = io.error
        event.io.terminal = io.hasTerminal
        publisher.publish("/tasks/create", event)
    }

    func started(_ execID: String, processID: UInt32) {
        if execID.isEmpty {
            var event = Containerd_Events_TaskStart()
            event.containerID = id
            event.pid = processID
            publisher.publish("/tasks/start", event)
        } else {
            var event = Containerd_Events_TaskExecStarted()
            event.containerID = id
            event.execID = execID
            event.pid = processID
            publisher.publish("/tasks/exec-started", event)
        }
    }

    func addedExec(_ execID: String) {
        var event = Containerd_Events_TaskExecAdded()
        event.containerID = id
        event.execID = execID
        publisher.publish("/tasks/exec-added", event)
    }

    func ranOutOfMemory() {
        var event = Containerd_Events_TaskOOM()
        event.containerID = id
        publisher.publish("/tasks/oom", event)
    }

    func paused(_ isPaused: Bool) {
        if isPaused {
            var event = Containerd_Events_TaskPaused()
            event.containerID = id
            publisher.publish("/tasks/paused", event)
        } else {
            var event = Containerd_Events_TaskResumed()
            event.containerID = id
            publisher.publish("/tasks/resumed", event)
        }
    }

    func ended(_ execID: String, _ exit: ProcessExit, processID: UInt32) {
        var event = Containerd_Events_TaskExit()
        event.containerID = id
        event.id = execID.isEmpty ? id : execID
        event.pid = processID
        event.exitStatus = exit.code
        event.exitedAt = .init(nanoseconds: exit.time)
        publisher.publish("/tasks/exit", event)
    }

    func deleted(_ execID: String, _ exit: ProcessExit, processID: UInt32) {
        var event = Containerd_Events_TaskDelete()
        event.containerID = id
        event.id = execID
        event.pid = processID
        event.exitStatus = exit.code
        event.exitedAt = .init(nanoseconds: exit.time)
        publisher.publish("/tasks/delete", event)
    }
}
