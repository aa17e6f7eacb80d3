import SystemPackage
import Testing

@testable import LinuxSystem

/// That one which answers nothing is given up: StalledVolumeTests, with a file system that does.
@Suite struct FileSystemAnswerTests {
    @Test(arguments: ["/", "/no/such/place", "/dev/null/below"])
    func whatIsThereAnswersAndWhatIsNot(path: String) throws {
        #expect(try FileSystem.answers(path, withinMilliseconds: 10_000))
    }

    @Test func whatIsWrongWithThePathIsSaid() {
        let long = "/" + String(repeating: "x", count: 256)
        #expect { try FileSystem.answers(long, withinMilliseconds: 10_000) } throws: {
            ($0 as? SystemError)?.errno == .fileNameTooLong
        }
        #expect { try FileSystem.answers(String(repeating: "/x", count: 2100), withinMilliseconds: 10_000) } throws: {
            ($0 as? SystemError)?.errno == .fileNameTooLong
        }
    }

    @Test func manyMayAskAtOnce() async {
        let answers = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<400 {
                group.addTask { (try? FileSystem.answers("/", withinMilliseconds: 10_000)) == true }
            }
            return await group.reduce(into: 0) { count, isAnswered in count += isAnswered ? 1 : 0 }
        }
        #expect(answers == 400)
    }
}
