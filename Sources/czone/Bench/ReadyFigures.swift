import Bench

extension ReadyBench.Figures {
    private static func side(_ figures: Measurements) -> Figure {
        .object([
            ("p50_ms", .number(figures.percentile(50))), ("p99_ms", .number(figures.percentile(99))),
            ("runs", .list(figures.runs)),
        ])
    }

    private func ratio(to other: Measurements) -> Figure { .number(warm.percentile(50) / other.percentile(50)) }

    var json: Figure {
        var members: [(String, Figure)] = [
            ("czone", Self.side(plain)), ("warm_start", Self.side(warm)), ("warm_ratio", ratio(to: plain)),
        ]
        if let runc {
            let plainRatio = Figure.number(plain.percentile(50) / runc.percentile(50))
            members += [("runc", Self.side(runc)), ("runc_ratio", plainRatio), ("warm_runc_ratio", ratio(to: runc))]
        }
        if let runsc { members += [("runsc", Self.side(runsc)), ("warm_runsc_ratio", ratio(to: runsc))] }
        if let first, let further {
            let ratio = Figure.number(first.percentile(50) / further.percentile(50))
            members += [
                ("first_copy", Self.side(first)), ("further_copy", Self.side(further)), ("first_copy_ratio", ratio),
            ]
        }
        return .object(members)
    }

    var table: String {
        var table = Table(["", "FIRST HTTP 200"], rightAligned: [1])
        let sides = [
            ("czone", plain), ("czone --warm-start", warm), ("the first in a prewarmed VM", first),
            ("a further one there", further), ("runc", runc), ("runsc", runsc),
        ]
        for case (let name, let figures?) in sides as [(String, Measurements?)] {
            table.add([name, "\(milliseconds(figures.percentile(50))) / \(milliseconds(figures.percentile(99)))"])
        }
        return "milliseconds, p50 / p99 of \(plain.runs.count) runs each\n" + table.text
    }
}
