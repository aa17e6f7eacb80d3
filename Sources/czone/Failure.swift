import ArgumentParser
import LinuxSystem
import Logging
import Logs
import Runtime

/// Prints one line that says what is wrong, and gives the exit code 1 to throw.
func failure(_ error: some CustomStringConvertible) -> ExitCode {
    report(error)
    return ExitCode(1)
}

/// Says in one line why the command fails: its log's last, and as text the error alone.
func report(_ error: some CustomStringConvertible) { Log.logger.critical("\(error)") }

/// Runs what a command does; a failure becomes one line and the exit code 1.
func reportingFailures(_ body: () throws -> Void) throws {
    do { try body() } catch let code as ExitCode { throw code } catch let error as ValidationError { throw error } catch
    {
        throw failure("\(error)")
    }
}

/// Prints one line on standard error; nothing is to be done where even that fails.
func printError(_ line: String) { try? StandardStream.error.descriptor.write(all: Array((line + "\n").utf8)) }

/// Prints on standard output. A reader that has gone ends the command quietly.
func printOutput(_ text: String) { printOutput(Array((text + "\n").utf8)) }

func printOutput(_ bytes: [UInt8]) { try? StandardStream.output.descriptor.write(all: bytes) }
