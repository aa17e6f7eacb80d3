import AgentProtocol
import ControlProtocol
import LinuxSystem
import TestSupport
import Testing

@testable import Supervisor

/// Images that come to a running VM for containers of other images.
@Suite(.timeLimit(.minutes(1))) struct FurtherImageTests {
    private let bench: SupervisorBench
    private let client: BenchClient

    init() throws {
        bench = try SupervisorBench(zones: 2)
        client = try bench.client()
    }

    private func file(mebibytes: UInt64 = 2) throws -> OwnedDescriptor {
        let file = try MemoryFile.growing(name: "image")
        try file.setSize(mebibytes << 20)
        return file
    }

    private func bring(_ digest: String, mebibytes: UInt64 = 2) throws {
        try client.send(.bringImage(digest: digest), descriptors: [try file(mebibytes: mebibytes)])
    }

    /// The guest mounts what it is asked for; the request.
    @discardableResult
    private func mount() throws -> BringImage {
        let (number, request) = try bench.request(BringImage.self)
        try bench.say(Done(), to: number)
        return request
    }

    private func run(_ id: String, image: UInt32) throws -> BenchClient {
        let client = try bench.client()
        var request = RunRequest.bench(id)
        request.create.specification.root.layers = [.image(device: image)]
        try client.send(.run(request))
        return client
    }

    private func end(_ container: ContainerNumber) throws {
        try bench.say(Exited.bench(container))
        let (number, _) = try bench.request(DeleteContainer.self)
        try bench.say(ContainerDeleted(zone: nil, timings: []), to: number)
    }

    @Test func anImageComesOnceAndGoesWithItsLastContainer() throws {
        try bring("sha256:a")
        #expect(try client.next() == nil, "the guest has not mounted it yet")
        let request = try mount()
        #expect((request.image, request.device, request.base) == (1, 7, 1 << 39))
        #expect(try client.next() == .image(number: 1))
        try bring("sha256:a")
        #expect(try client.next() == .image(number: 1))
        #expect(try !bench.wasAsked(.bringImage))

        var numbers: [ContainerNumber] = []
        for id in ["a", "b"] {
            _ = try run(id, image: 1)
            let (number, create) = try bench.request(CreateContainer.self)
            try bench.say(ProcessStarted.bench, to: number)
            numbers.append(create.container)
        }
        try end(numbers[0])
        #expect(try !bench.wasAsked(.releaseImage), "the other one has it")
        try end(numbers[1])
        #expect(try bench.request(ReleaseImage.self).content.image == 1)
    }

    @Test func aContainerThatComesWhileItsImageGoesWaitsForItsReturn() throws {
        try bring("sha256:a")
        try mount()
        for (id, isReleased) in [("a", true), ("b", false)] {
            let client = try run(id, image: 1)
            if try bench.wasAsked(.bringImage) { try mount() }
            let (made, create) = try bench.request(CreateContainer.self)
            try bench.say(ProcessStarted.bench, to: made)
            try end(create.container)
            let (release, _) = try bench.request(ReleaseImage.self)
            let next = try run(id + "'", image: 1)
            #expect(try !bench.wasAsked(.createContainer), "the guest is about to unmount it")
            if isReleased {
                try bench.say(Done(), to: release)
                try mount()
            } else {
                // Something still has it: it is as it was.
                try bench.say(Failure(code: 16, step: .image, text: "release image 1"), to: release)
                #expect(try !bench.wasAsked(.bringImage))
            }
            let (again, second) = try bench.request(CreateContainer.self)
            try bench.say(ProcessStarted.bench, to: again)
            try end(second.container)
            try bench.say(Done(), to: try bench.request(ReleaseImage.self).number)
            withExtendedLifetime((client, next)) {}
        }
    }

    @Test func aGuestThatDoesNotMountItFailsItsContainerAlone() throws {
        try bring("sha256:a")
        let (number, _) = try bench.request(BringImage.self)
        try bench.say(Failure(code: 12, step: .image, text: "mount image 1"), to: number)
        #expect(try client.refusal().reason == .guestFailed)
        // It may be tried again.
        let other = try run("a", image: 1)
        let (again, _) = try bench.request(BringImage.self)
        try bench.say(Failure(code: 12, step: .image, text: "mount image 1"), to: again)
        guard case .accepted? = try other.next() else { return #expect(Bool(false), "it was not accepted") }
        #expect(try other.refusal().reason == .guestFailed)
        #expect(bench.supervisor.containers.count == 0)
        _ = try bench.run("b")
    }

    @Test(arguments: [true, false]) func aContainerThatEndsWhileItsImageComesLeavesNothing(isMounted: Bool) throws {
        try bring("sha256:a")
        let (number, _) = try bench.request(BringImage.self)
        let other = try run("a", image: 1)
        try other.close()
        #expect(try !bench.wasAsked(.deleteContainer), "it is not made yet")
        if isMounted {
            try bench.say(Done(), to: number)
            let (made, create) = try bench.request(CreateContainer.self)
            try bench.say(ProcessStarted.bench, to: made)
            let (delete, content) = try bench.request(DeleteContainer.self)
            #expect(content.container == create.container)
            try bench.say(ContainerDeleted(zone: nil, timings: []), to: delete)
            #expect(try bench.wasAsked(.releaseImage))
        } else {
            try bench.say(Failure(code: 12, step: .image, text: "mount image 1"), to: number)
            #expect(try !bench.wasAsked(.createContainer) && !bench.wasAsked(.deleteContainer))
        }
        #expect(bench.supervisor.containers.count == 0)
    }

    @Test func whatTheVMHasNoPlaceForIsRefused() throws {
        try bring("sha256:large", mebibytes: 1026)
        #expect(try client.refusal().text.contains("1024 MiB"))
        for digest in ["sha256:a", "sha256:b", "sha256:c"] {
            try bring(digest)
            try mount()
            guard case .image? = try client.next() else { return #expect(Bool(false), "\(digest) was refused") }
        }
        try bring("sha256:d")
        #expect(try client.refusal().reason == .full)
        #expect(try run("a", image: 4).refusal().reason == .failed, "no client may name what was not brought")
        try client.send(.bringImage(digest: "sha256:e"))
        #expect(try client.refusal().reason == .invalid, "without its file")
    }
}
