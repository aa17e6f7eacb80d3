import Bench

extension StartBench.Figures {
    private static func percentiles(_ figures: Measurements) -> [(String, Figure)] {
        [("p50_ms", .number(figures.percentile(50))), ("p99_ms", .number(figures.percentile(99)))]
    }

    private static func reduction(_ ours: Measurements, _ theirs: Measurements) -> Double {
        100 * (1 - ours.percentile(50) / theirs.percentile(50))
    }

    private static func side(_ side: StartBench.Side) -> Figure {
        let bursts = side.bursts.map { burst in
            Figure.object([("containers", .number(Double(burst.count)))] + percentiles(burst.command))
        }
        return .object(
            percentiles(side.command) + [
                ("first_instruction", .object(percentiles(side.firstInstruction))),
                ("first_byte", .object(percentiles(side.firstByte))), ("bursts", .array(bursts)),
                ("runs", .list(side.command.runs)), ("first_instruction_runs", .list(side.firstInstruction.runs)),
                ("first_byte_runs", .list(side.firstByte.runs)),
            ])
    }

    var json: Figure {
        var members: [(String, Figure)] = [("czone", Self.side(czone))]
        if let onePerVM {
            members += [
                ("one_per_vm", Self.side(onePerVM)),
                ("reduction_percent", .number(Self.reduction(czone.command, onePerVM.command))),
                (
                    "reduction_percent_first_instruction",
                    .number(Self.reduction(czone.firstInstruction, onePerVM.firstInstruction))
                ),
                ("reduction_percent_first_byte", .number(Self.reduction(czone.firstByte, onePerVM.firstByte))),
            ]
        }
        if let runc {
            members += [
                ("runc", .object(Self.percentiles(runc) + [("runs", .list(runc.runs))])),
                ("runc_ratio", .number(czone.command.percentile(50) / runc.percentile(50))),
            ]
        }
        if let qemu {
            members.append(
                ("qemu", .object([("first_byte", .object(Self.percentiles(qemu))), ("runs", .list(qemu.runs))])))
        }
        return .object(members)
    }

    var table: String {
        var table = Table(["", "COMMAND", "FIRST INSTRUCTION", "FIRST BYTE"], rightAligned: [1, 2, 3])
        func text(_ figures: Measurements) -> String {
            "\(milliseconds(figures.percentile(50))) / \(milliseconds(figures.percentile(99)))"
        }
        for (name, side) in [("czone", czone), ("one per VM", onePerVM)] as [(String, StartBench.Side?)] {
            guard let side else { continue }
            table.add([name, text(side.command), text(side.firstInstruction), text(side.firstByte)])
            for burst in side.bursts { table.add(["\(name), \(burst.count) at once", text(burst.command), "", ""]) }
        }
        if let runc { table.add(["runc", text(runc), "", ""]) }
        if let qemu { table.add(["QEMU's microvm", "", "", text(qemu)]) }
        return "milliseconds, p50 / p99 of \(czone.command.runs.count) runs each\n" + table.text
    }
}
