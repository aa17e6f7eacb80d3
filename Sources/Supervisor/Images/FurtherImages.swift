import AgentProtocol
import ControlProtocol
import LinuxSystem
import Machine
import Memory

/// Images of containers that are not the VM's own image's. The host maps each for good, in a place that the guest has for
/// one; the guest has it mounted, and page descriptors for it, from the first container that wants it to the end of the
/// last. Protected by the device lock.
final class FurtherImages {
    /// What all of them have together at most, in bytes: the guest's base memory has 64 for each of their pages.
    static let maxBytes: UInt64 = 1 << 30

    private let machine: any SupervisedMachine
    private let lifecycle: VirtualMachineLifecycle
    private let agent: AgentSession
    /// Their numbers are their indices, counted from 1: the VM's own image is number 0.
    private var images: [FurtherImage] = []

    init(_ machine: any SupervisedMachine, _ lifecycle: VirtualMachineLifecycle, _ agent: AgentSession) {
        self.machine = machine
        self.lifecycle = lifecycle
        self.agent = agent
    }

    /// Has the guest mount an image; which one it is, the client says by its digest.
    func bring(_ digest: String, _ caller: ControlCaller) throws(Refusal) {
        let file = try caller.takeDescriptors(1)[0]
        guard lifecycle.state != .stopping else { throw Refusal(.full, "the VM is stopping") }
        let image = try find(digest, file)
        mount(image) { result in
            switch result {
            case .success: caller.reply(.image(number: image.number))
            case .failure(let failure): caller.reply(.refused(failure.refusal))
            }
        }
    }

    private func find(_ digest: String, _ file: OwnedDescriptor) throws(Refusal) -> FurtherImage {
        if let known = images.first(where: { $0.digest == digest }) { return known }
        do {
            let size = try file.sizeInBytes()
            guard size <= Self.maxBytes - images.reduce(0, { $0 + $1.place.range.sizeInBytes }) else {
                throw Refusal(.full, "the VM's further images would have more than \(Self.maxBytes >> 20) MiB")
            }
            guard let place = try machine.attachImage(file) else {
                throw Refusal(.full, "the VM has no place for a further image of \(size >> 20) MiB")
            }
            let image = FurtherImage(number: UInt32(images.count) + 1, digest, file, at: place)
            images.append(image)
            return image
        } catch let refusal as Refusal { throw refusal } catch { throw Refusal(.failed, "\(error)") }
    }

    // MARK: Containers

    /// A container is about to have them.
    ///
    /// - Returns: to be given to `release` once, when it has gone.
    /// - Throws: `invalid` for one that was not brought.
    func hold(for root: [Tree]) throws(Refusal) -> [FurtherImage] {
        var held: [FurtherImage] = []
        for case .image(let number) in root where number > 0 {
            guard number <= images.count else { throw Refusal(.invalid, "the VM has no image \(number)") }
            held.append(images[Int(number) - 1])
        }
        for image in held { image.containers += 1 }
        return held
    }

    /// Calls the action when the guest has all of them mounted, or with why it has not.
    func whenMounted(_ wanted: [FurtherImage], _ action: @escaping (AgentFailure?) -> Void) {
        guard let image = wanted.first else { return action(nil) }
        mount(image) { [self] result in
            if case .failure(let failure) = result { return action(failure) }
            whenMounted(Array(wanted.dropFirst()), action)
        }
    }

    func release(_ held: [FurtherImage]) {
        for image in held {
            image.containers -= 1
            if image.containers == 0, image.state == .mounted { unmount(image) }
        }
    }

    // MARK: The guest's side

    private func mount(_ image: FurtherImage, _ action: @escaping (Result<Done, AgentFailure>) -> Void) {
        switch image.state {
        case .mounted: return action(.success(Done()))
        case .mounting, .unmounting: return image.waiting.append(action)
        case .absent: break
        }
        image.state = .mounting
        image.waiting.append(action)
        let request = BringImage(
            image: image.number, device: UInt8(clamping: image.place.device), base: image.place.range.start.rawValue)
        lifecycle.whenReady { [agent] in
            agent.request(request) { result in
                image.state = if case .success = result { .mounted } else { .absent }
                for waiting in image.takeWaiting() { waiting(result) }
            }
        }
    }

    /// Nobody needs it any more; where somebody does when that is done, it is mounted again.
    private func unmount(_ image: FurtherImage) {
        image.state = .unmounting
        agent.request(ReleaseImage(image: image.number)) { [self] result in
            // Where it failed it is as it was: something still has it, and the next container's end tries again.
            image.state = if case .success = result { .absent } else { .mounted }
            for waiting in image.takeWaiting() { mount(image, waiting) }
        }
    }
}

/// An image of a place. Protected by the device lock.
final class FurtherImage {
    /// | from | by | to |
    /// |---|---|---|
    /// | absent | a client, or a container that was late | mounting |
    /// | mounting | the agent's answer | mounted; absent where it failed |
    /// | mounted | the end of its last container | unmounting |
    /// | unmounting | the agent's answer | absent; mounted where it failed |
    enum State { case absent, mounting, mounted, unmounting }

    let number: UInt32
    let digest: String
    let place: AttachedImage
    /// Keeps the store's file from being removed.
    private let file: OwnedDescriptor
    var state = State.absent
    /// How many containers have it, or are about to.
    var containers = 0
    /// Called when the agent has answered.
    var waiting: [(Result<Done, AgentFailure>) -> Void] = []

    init(number: UInt32, _ digest: String, _ file: OwnedDescriptor, at place: AttachedImage) {
        self.number = number
        self.digest = digest
        self.file = file
        self.place = place
    }

    func takeWaiting() -> [(Result<Done, AgentFailure>) -> Void] {
        defer { waiting = [] }
        return waiting
    }
}
