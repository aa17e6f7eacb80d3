import ControlProtocol
import LinuxSystem
import Logging
import Logs
import SystemPackage

/// What is prewarmed. There is no daemon: the command that uses something up, or finds it missing, starts
/// another one that makes it anew in the background, at low priority, so that no container waits for it.
extension Placement {
    /// Starts what is to be done behind a container that has its VM.
    ///
    /// - Parameters:
    ///   - machine: the container's VM.
    ///   - lacksTemplate: it was booted for want of a template.
    ///   - usedOne: it was the only one with room, or a prewarmed one.
    func provide(for order: MachineOrder, behind machine: VirtualMachineDirectory, lacksTemplate: Bool, usedOne: Bool) {
        let isDue =
            lacksTemplate && configuration.usesTemplates || usedOne && configuration.prewarm(order.key.function) > 0
        guard isDue else { return }
        // What is not there next time costs time, nothing else.
        do { try provider.provide(order, behind: machine) } catch {
            Log.logger.warning("nothing is prewarmed: \(error)")
        }
    }

    /// The other end of `provide`: makes the template, and starts VMs until the function has as many prewarmed ones as are wanted.
    public func provideNow(for order: MachineOrder, behind machine: VirtualMachineDirectory?) throws(RuntimeError) {
        // Not while a VM boots that a caller waits for: it answers this when its guest is ready.
        if let machine { _ = try? machine.ask(.nodes) }
        if configuration.usesTemplates { try provideTemplate(for: order) }
        try prewarm(for: order)
        // Whom it serves comes later than who else waits for this.
        if configuration.usesTemplates, hasGenericTemplate(order) { try provideTemplate(for: order.plain, .everyImage) }
    }

    private func provideTemplate(for order: MachineOrder, _ scope: TemplateScope = .image) throws(RuntimeError) {
        try fetchTemplate(for: order, scope)
        try makeTemplate(for: order, scope)
    }

    private func prewarm(for order: MachineOrder) throws(RuntimeError) {
        let wanted = configuration.prewarm(order.key.function)
        guard wanted > 0 else { return }
        let function = registry.function(order.key)
        _ = try function.locked(making: order.key) { () throws(RuntimeError) -> Void in
            try registry.removeDead(of: function)
            let prewarmed = try function.prewarmedMachines().count
            for _ in prewarmed..<max(prewarmed, wanted) {
                _ = try start(reserve(in: function), for: order, isPrewarmed: true)
            }
        }
    }
}

/// Prewarms in the background.
public protocol Provider: Sendable {
    func provide(_ order: Placement.MachineOrder, behind machine: VirtualMachineDirectory) throws(RuntimeError)
}
