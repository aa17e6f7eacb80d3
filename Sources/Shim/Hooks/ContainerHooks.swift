import LinuxSystem
import Logging
import Logs
import OCI
import TTRPC

/// The hooks of one container that run on the host (runtime-spec 1.2, config.md, "POSIX-platform Hooks").
///
/// Those of the container's namespaces are refused by name: createContainer is to run a program of the host's there, which
/// a guest's namespaces cannot, and startContainer one of the container's before the agent executes its own.
struct ContainerHooks: Sendable {
    enum Point: String, CaseIterable, Sendable {
        case prestart, createRuntime, poststart, poststop
    }

    /// In the bundle while hooks of poststop are owed: should the daemon be killed, `delete` runs them.
    private static let mark = "czone-poststop"

    private let hooks: [Point: [RuntimeSpec.Hook]]
    let id: String
    let bundle: String
    private let ociVersion: String
    private let annotations: [String: String]?

    /// Nil where there are none.
    /// - Throws: `unimplemented` for those that cannot run, `invalidArgument` for what makes no sense; both name the hook.
    init?(of spec: RuntimeSpec, id: String, bundle: String) throws {
        let all = spec.hooks
        try Self.refuse(all?.createContainer, "createContainer", "a program of the host cannot enter the VM")
        try Self.refuse(
            all?.startContainer, "startContainer", "nothing runs in the container's namespaces before its own program")
        let lists = [
            (Point.prestart, all?.prestart), (.createRuntime, all?.createRuntime), (.poststart, all?.poststart),
            (.poststop, all?.poststop),
        ]
        hooks = Dictionary(uniqueKeysWithValues: lists.map { ($0, $1 ?? []) })
        guard hooks.values.contains(where: { !$0.isEmpty }) else { return nil }
        for (point, hook) in hooks.flatMap({ point, list in list.map { (point, $0) } }) { try Self.check(hook, point) }
        self.id = id
        self.bundle = bundle
        ociVersion = spec.ociVersion
        annotations = spec.annotations
    }

    private static func refuse(_ list: [RuntimeSpec.Hook]?, _ name: String, _ reason: String) throws {
        guard let hook = list?.first else { return }
        throw Status(.unimplemented, "hooks.\(name) \(quoted(hook.path)) is not supported: \(reason)")
    }

    private static func check(_ hook: RuntimeSpec.Hook, _ point: Point) throws {
        guard hook.path.hasPrefix("/") else {
            throw Status(
                .invalidArgument,
                "the path of hooks.\(point.rawValue) is \(quoted(hook.path)), expected an absolute one")
        }
        guard hook.timeout.map({ $0 > 0 }) ?? true else {
            throw Status(
                .invalidArgument,
                "the timeout of hooks.\(point.rawValue) \(quoted(hook.path)) is \(hook.timeout ?? 0), expected more than 0"
            )
        }
    }

    private func has(_ point: Point) -> Bool { hooks[point]?.isEmpty == false }

    /// The process that stands for the container is there, and the VM has nothing of it yet.
    /// - Throws: where a hook fails, with its name; the others are not run.
    func runBeforeCreation(process: Int32) throws {
        if has(.poststop) { try FileSystem.replace("\(bundle)/\(Self.mark)", with: []) }
        for point in [Point.prestart, .createRuntime] {
            for hook in hooks[point] ?? [] {
                if let failure = HookRun(hook: hook).failure(state: try state(.creating, process)) {
                    throw Status(.unknown, "the hook \(point.rawValue) \(quoted(hook.path)) has failed: \(failure)")
                }
            }
        }
    }

    /// Its program runs. What fails is said in the log.
    func runAfterStart(process: Int32) { runAll(.poststart, .running, process) }

    /// Nothing is left of the container. What fails is said in the log.
    func runAfterStop() {
        guard has(.poststop) else { return }
        runAll(.poststop, .stopped, nil)
        try? FileSystem.removeFile("\(bundle)/\(Self.mark)")
    }

    /// The same in the place of a daemon that was killed: where they are owed.
    static func runOwed(_ bundle: Bundle, id: String) throws {
        guard try FileSystem.status("\(bundle.path)/\(mark)") != nil else { return }
        try ContainerHooks(of: bundle.specification(), id: id, bundle: bundle.path)?.runAfterStop()
    }

    private func runAll(_ point: Point, _ status: RuntimeState.Status, _ process: Int32?) {
        for hook in hooks[point] ?? [] {
            guard let state = try? state(status, process), let failure = HookRun(hook: hook).failure(state: state)
            else {
                continue
            }
            Log.logger.warning(
                "the hook \(point.rawValue) \(quoted(hook.path)) of the container \(id) has failed: \(failure)")
        }
    }

    private func state(_ status: RuntimeState.Status, _ process: Int32?) throws -> [UInt8] {
        try RuntimeState(
            ociVersion: ociVersion, id: id, status: status, pid: process, bundle: bundle, annotations: annotations
        ).json()
    }
}
