import AgentProtocol
import ControlProtocol
import Events
import HTTPExchange
import LinuxSystem
import NIOCore
import NIOPosix
import OCI
import Runtime

/// Has containers started. What serves functions knows no more of VMs.
protocol ContainerStarting: Sendable {
    /// Starts a container, until it takes requests; the inner future says why it has ended, and never fails.
    func start(_ container: FunctionContainer) -> EventLoopFuture<EventLoopFuture<String>>
}

/// Starts containers in zones, as `czone run` does. Files, locks and the offers to VMs are a few threads' work; a container
/// that was taken costs none.
final class ContainerStarter: ContainerStarting {
    /// Containers that are being placed at a time; further ones wait.
    private static let maxPlacing = 8
    /// The port at which Lambda's Runtime API is in a container.
    static let runtimePort: UInt16 = 9001

    private let registry: Registry
    private let images: ImageStore
    private let group: MultiThreadedEventLoopGroup
    private let threads: NIOThreadPool
    private let logs: FunctionLogs
    /// Each has a VM of its own.
    private let isAlone: Bool

    init(registry: Registry, images: ImageStore, group: MultiThreadedEventLoopGroup, logs: FunctionLogs, isAlone: Bool)
    {
        self.registry = registry
        self.images = images
        self.group = group
        self.logs = logs
        self.isAlone = isAlone
        threads = NIOThreadPool(numberOfThreads: Self.maxPlacing)
        threads.start()
    }

    func start(_ container: FunctionContainer) -> EventLoopFuture<EventLoopFuture<String>> {
        let eventLoop = group.next()
        return threads.runIfActive(eventLoop: eventLoop) { [self] in try place(container, on: eventLoop) }
            .flatMap { [self] placed in
                begin(container, placed).map { placed.connection.ended }
                    .flatMapErrorThrowing { error in
                        placed.connection.close()
                        throw error
                    }
            }
    }

    /// A container that a VM has taken.
    private struct PlacedContainer {
        let connection: ContainerConnection
        /// Has its tenant's fabric serve it; nil: it has no fabric. Blocks.
        let attach: (@Sendable () throws -> Void)?
    }

    /// Has a VM take it. Blocks.
    private func place(
        _ container: FunctionContainer, on eventLoop: any NIOCore.EventLoop
    ) throws -> PlacedContainer {
        let definition = container.definition
        let configuration = try Configuration.load()
        let files = try VirtualMachineFiles(Artefacts())
        try images.awaitAnswer()
        let image = try images.resolve(ImageReference(definition.image)) { _ in }
        var options = definition.options(id: container.id)
        if definition.kind == .handler { try Self.addHostProgram(to: &options, isTracing: container.isTracing) }
        options.isAlone = isAlone
        let plan = try RunPlan(
            options, image: image, configuration: configuration, files: files, registry: registry)
        let placement = Placement(
            registry: registry, configuration: configuration, files: files, starter: ReapingStarter())
        var order = Placement.Order(plan, streams: try logs.streams(of: container), store: images)
        order.wantsZoneSizes = true
        // A Lambda runtime asks at once for what is made between its creation and its start.
        if definition.kind == .lambda { order.beginning = .create(sandbox: "") }
        let placed = try placement.place(order)
        let size = plan.key.isAlone ? plan.key.zoneSizeInBytes : order.zoneSizeInBytes
        let connection = try ContainerConnection.adopt(placed.connection, request: placed.request, on: eventLoop) {
            // The container has the connection.
            [weak container] in container?.note(zoneSizeInBytes: $0)
        }
        container.note(connection, machine: placed.machine.id, zoneSizeInBytes: size)
        let directory = placed.container
        connection.ended.whenSuccess { [threads] reason in
            // Those that wait for its readiness, or for an answer, wait no longer.
            container.forget(reason)
            // What is left in the registry, where nobody needs it.
            threads.submit { _ in try? directory.remove() }
        }
        let attach = plan.fabric.map { [registry] access in
            let (id, tenant, machine) = (plan.record.id, plan.record.tenant, placed.machine)
            return { @Sendable () throws -> Void in
                try FabricClient(registry).attach(id, in: machine, access, tenant: tenant, configuration)
            }
        }
        return PlacedContainer(connection: connection, attach: attach)
    }

    /// From what a VM has taken to what takes requests.
    private func begin(_ container: FunctionContainer, _ placed: PlacedContainer) -> EventLoopFuture<Void> {
        let connection = placed.connection
        let made = attached(placed)
        switch container.definition.kind {
        case .http, .handler:
            let started =
                placed.attach == nil
                ? made : made.flatMap { connection.ask(.start(container: container.id)) }.map { _ in }
            return started.flatMap { [self] in probe(container, on: connection.eventLoop) }
        case .lambda:
            guard let runtime = container.runtime else { return made }
            return
                made
                .flatMap { _ in runtime.listen(in: container, on: connection.eventLoop) }
                .flatMap { _ in connection.ask(.start(container: container.id)) }
                .flatMap { _ in runtime.isReady(on: connection.eventLoop) }
        }
    }

    /// What was made, with the fabric if it has that.
    private func attached(_ placed: PlacedContainer) -> EventLoopFuture<Void> {
        let beginning = placed.connection.beginning.map { _ in }
        guard let attach = placed.attach else { return beginning }
        return beginning.flatMap { [threads] in
            threads.runIfActive(eventLoop: placed.connection.eventLoop) { try attach() }
        }
    }

    /// Until its server takes a connection, which the first request then uses.
    private func probe(_ container: FunctionContainer, on eventLoop: any NIOCore.EventLoop) -> EventLoopFuture<Void> {
        let limit = UInt32(clamping: min(container.definition.timeoutInMilliseconds, 60_000))
        let opened =
            container.definition.kind == .handler
            ? ContainerFrames.open(to: container, on: eventLoop, withinMilliseconds: limit)
            : BackConnection.open(to: container, on: eventLoop, withinMilliseconds: limit)
        return opened.map { channel in container.pool.put(channel) }
    }

    /// The program that serves a handler is shown to the container, where it cannot be changed, and run by its node.
    private static func addHostProgram(to options: inout RunOptions, isTracing: Bool) throws {
        let directory = try Artefacts().tracer()
        let place = "/czone/tracer"
        options.volumes.append("\(directory):\(place):ro")
        options.arguments = (options.arguments.isEmpty ? ["node"] : options.arguments) + ["\(place)/host.cjs"]
        if isTracing { options.environment.append("CZONE_TRACE=1") }
    }
}

extension FunctionDefinition {
    /// A container of it, as `czone run` would be asked for.
    func options(id: String) -> RunOptions {
        var options = RunOptions()
        options.image = image
        options.arguments = command
        options.function = "fn-\(name)"
        options.tenant = tenant
        options.memory = memoryInBytes.map { ByteSize(bytes: $0) }
        options.milliCPUs = milliCPUs
        options.name = id
        options.hostname = name
        options.isRemovedAtEnd = true
        options.environment = environment + kindEnvironment
        options.volumes = volumes
        options.isWarmStart = warmStart
        options.fabric = fabric
        return options
    }

    private var kindEnvironment: [String] {
        switch kind {
        case .http: ["PORT=\(port)", "K_SERVICE=\(name)"]
        case .handler: ["PORT=\(port)", "K_SERVICE=\(name)", "CZONE_HANDLER=\(handler)"]
        case .lambda:
            [
                "AWS_LAMBDA_RUNTIME_API=127.0.0.1:\(ContainerStarter.runtimePort)",
                "AWS_LAMBDA_FUNCTION_NAME=\(name)", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=\((memoryInBytes ?? Configuration().zoneSizeInBytes) >> 20)",
                "AWS_LAMBDA_LOG_GROUP_NAME=/czone/\(name)", "AWS_LAMBDA_LOG_STREAM_NAME=\(name)",
                "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
            ]
                // A policy of the fabric says its own.
                + (fabric == nil ? ["AWS_REGION=local", "AWS_DEFAULT_REGION=local"] : [])
                + defaulted("LAMBDA_TASK_ROOT", "/var/task") + (handler.isEmpty ? [] : ["_HANDLER=\(handler)"])
        }
    }

    private func defaulted(_ name: String, _ value: String) -> [String] {
        environment.contains { $0.hasPrefix("\(name)=") } ? [] : ["\(name)=\(value)"]
    }
}
