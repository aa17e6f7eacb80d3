import AgentProtocol
import ControlProtocol
import LinuxSystem
import Machine
import Virtio

/// The life of the VM: booting until its agent is set up, ready for containers, stopping when it has been idle for too
/// long, is asked to, or has failed.
///
///     booting ─becomeReady→ ready ─powerOff→ stopping
///        └── powerOff, fulfilPurpose, fail ─────↗
///
/// Protected by the device lock.
final class VirtualMachineLifecycle {
    /// How long the guest may take to power off before it is ended by force, in milliseconds.
    private static let powerOffPatience: UInt64 = 3_000
    /// How long clients may take to read what a container of a VM of its own has printed, in seconds; what is left then
    /// is lost. One that has gone is not waited for.
    private static let maxOutputWait: UInt64 = 600

    private let machine: any SupervisedMachine
    private let containers: ContainerTable
    private let agent: AgentSession
    private let deadlines: Deadlines
    private let configuration: Supervisor.Configuration
    private(set) var state = VirtualMachineDescription.State.booting
    /// When the agent was set up.
    private var readyAt: UInt64 = 0
    /// The guest has come as far as the VM's purpose wants it, and the VM stops for that.
    private(set) var isPurposeFulfilled = false
    /// What waits for the agent's being ready.
    private var deferred: [() -> Void] = []
    private let idleTimer: TimerDescriptor
    /// A container has come or gone.
    var onContainersChange: () -> Void = {}

    init(
        _ machine: any SupervisedMachine, _ containers: ContainerTable, _ agent: AgentSession,
        _ deadlines: Deadlines, _ configuration: Supervisor.Configuration
    ) throws(SystemError) {
        self.machine = machine
        self.containers = containers
        self.agent = agent
        self.deadlines = deadlines
        self.configuration = configuration
        idleTimer = try TimerDescriptor()
        try machine.loop.add(idleTimer.descriptor, for: .readable) { [unowned self] _ in
            if idleTimer.drain() { timeIsUp() }
        }
        containersChanged()
    }

    var purpose: Supervisor.Purpose { configuration.purpose }
    /// The VM takes one container and ends with it.
    var isAlone: Bool { configuration.isAlone }

    /// From the process's start to the agent's being set up; 0 while booting.
    var bootMicroseconds: UInt64 { readyAt == 0 ? 0 : (readyAt - configuration.startedAt) / 1000 }

    // MARK: Readiness

    /// Does it once the agent is set up: now, where it is.
    func whenReady(_ action: @escaping () -> Void) {
        if state == .booting { deferred.append(action) } else { action() }
    }

    /// booting → ready: what waited for it is done.
    func becomeReady() {
        guard state == .booting else { return }
        machine.noteBooted()
        state = .ready
        readyAt = MonotonicClock.nanoseconds
        let actions = deferred
        deferred = []
        for action in actions { action() }
    }

    /// The guest is ready to be saved, or has written all that one like it writes: others take over from here.
    func fulfilPurpose() {
        isPurposeFulfilled = true
        machine.stop(.stopped)
    }

    // MARK: Idleness

    /// A container has come or gone: starts or stops the clock that ends a VM without containers.
    func containersChanged() {
        guard state != .stopping else { return }
        onContainersChange()
        if isPrewarmed, let prewarm = configuration.prewarm { return idleTimer.arm(inMilliseconds: prewarm.interval) }
        idleTimer.arm(inMilliseconds: containers.isEmpty ? configuration.idleTimeoutInMilliseconds ?? 0 : 0)
    }

    /// The VM was prewarmed and has had no container yet.
    var isPrewarmed: Bool { configuration.prewarm != nil && !containers.hasHadAny }

    private func timeIsUp() {
        if state == .stopping { return machine.stop(.stopped) }
        guard containers.isEmpty else { return }
        if isPrewarmed, let prewarm = configuration.prewarm, !prewarm.isOver { return containersChanged() }
        powerOff()
    }

    // MARK: The end

    /// Ends the VM: by the agent where it answers, by force where it does not.
    func powerOff() {
        guard state != .stopping else { return }
        let wasReady = state == .ready
        state = .stopping
        guard wasReady else { return machine.stop(.stopped) }
        idleTimer.arm(inMilliseconds: Self.powerOffPatience)
        agent.request(PowerOff()) { _ in }
    }

    /// The only container of a VM of its own is gone: so is the VM, as soon as its clients and its log have all of its
    /// output. There is nothing in the guest that its end could lose, so the guest is not asked.
    func endAlone(after output: ContainerOutput) {
        output.whenAllEnded { [unowned self] in
            state = .stopping
            machine.vsock.whenOutputIsOut { [machine] in machine.stop(.stopped) }
        }
        deadlines.after(seconds: Self.maxOutputWait) { [machine] in machine.stop(.stopped) }
    }

    /// Ends the VM for a reason that its containers' exit records give.
    func fail(_ reason: String) { machine.stop(.failed(reason)) }

    /// The guest's agent has gone. On a power-off its connection closes on its way; otherwise PID 1 is gone and the
    /// kernel about to panic.
    func agentIsLost(_ reason: String) {
        if state != .stopping { fail("the guest's agent is lost: \(reason)") }
    }

    /// The machine has ended.
    func conclude() { state = .stopping }
}
