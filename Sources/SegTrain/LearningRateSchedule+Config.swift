internal import SegCore
internal import SegNN

extension TrainingConfiguration {
    /// Reads the object `schedule`; absent means constant.
    /// - Throws: `DataError` naming the key that is unknown or wrong.
    static func schedule(
        _ reader: ConfigReader?, learningRate: Double
    ) throws -> (LearningRateSchedule, WarmUp?) {
        guard let reader else { return (.constant, nil) }
        let schedule: LearningRateSchedule
        switch try reader.string("name") ?? "constant" {
        case "constant": schedule = .constant
        case "polynomial":
            let power = try reader.double("power") ?? 0.9
            guard power > 0, power.isFinite else {
                throw reader.error("power", "should be positive and finite, not \(power)")
            }
            let interval = try reader.int("interval") ?? 1
            guard interval > 0 else { throw reader.error("interval", "should be positive, not \(interval)") }
            schedule = .polynomial(power: power, interval: interval)
        case "cosine": schedule = .cosine
        case "step":
            let size = try reader.required("size", reader.int("size"))
            guard size > 0 else { throw reader.error("size", "should be positive, not \(size)") }
            let gamma = try reader.double("gamma") ?? 0.1
            guard gamma >= 0, gamma.isFinite else {
                throw reader.error("gamma", "should be 0 or more, not \(gamma)")
            }
            schedule = .step(size: size, gamma: gamma)
        case "plateau": schedule = .plateau(try PlateauRule(reader, learningRate: learningRate))
        case let name:
            throw reader.error(
                "name", "'\(name)' is not a schedule; known: constant, polynomial, cosine, step, plateau")
        }
        let warmUp = try warmUp(reader)
        try reader.finish()
        if warmUp == nil, try reader.double("warmup_start") ?? 0 > 0 {
            throw reader.error("warmup_start", "does nothing without warmup; give schedule.warmup its iterations")
        }
        return (schedule, warmUp)
    }

    private static func warmUp(_ reader: ConfigReader) throws -> WarmUp? {
        let iterations = try reader.int("warmup") ?? 0
        guard iterations >= 0 else { throw reader.error("warmup", "should be 0 or more, not \(iterations)") }
        let start = try reader.double("warmup_start") ?? 0
        guard start >= 0, start <= 1 else {
            throw reader.error("warmup_start", "should be from 0 to 1, not \(start)")
        }
        return iterations > 0 ? WarmUp(iterations: iterations, start: start) : nil
    }

    /// The object that `schedule(_:learningRate:)` reads.
    var scheduleEntries: [String: ConfigValue] {
        var entries: [String: ConfigValue]
        switch schedule {
        case .constant: entries = ["name": "constant"]
        case .polynomial(let power, let interval):
            entries = ["name": "polynomial", "power": .double(power)]
            // Trainings that began before there was this entry are resumed.
            if interval > 1 { entries["interval"] = .int(interval) }
        case .cosine: entries = ["name": "cosine"]
        case .step(let size, let gamma): entries = ["name": "step", "size": .int(size), "gamma": .double(gamma)]
        case .plateau(let rule):
            entries = [
                "name": "plateau", "monitor": .string(rule.monitor.rawValue), "factor": .double(rule.factor),
                "patience": .int(rule.patience), "threshold": .double(rule.threshold),
                "threshold_mode": rule.isRelative ? "rel" : "abs", "cooldown": .int(rule.cooldown),
                "min_rate": .double(rule.smallest * learningRate),
            ]
        }
        entries["warmup"] = .int(warmUp?.iterations ?? 0)
        entries["warmup_start"] = .double(warmUp?.start ?? 0)
        return entries
    }
}

extension PlateauRule {
    /// Reads the entries of ReduceLROnPlateau.
    fileprivate init(_ reader: ConfigReader, learningRate: Double) throws {
        self.init()
        let name = try reader.string("monitor") ?? "dice"
        guard let monitor = Monitor(rawValue: name) else {
            throw reader.error("monitor", "should be dice or loss, not '\(name)'")
        }
        self.monitor = monitor
        factor = try reader.double("factor") ?? factor
        guard factor > 0, factor < 1 else {
            throw reader.error("factor", "should be above 0 and below 1, not \(factor)")
        }
        patience = try reader.int("patience") ?? patience
        threshold = try reader.double("threshold") ?? threshold
        cooldown = try reader.int("cooldown") ?? cooldown
        smallest = (try reader.double("min_rate") ?? 0) / learningRate
        for (key, isRight) in [
            ("patience", patience >= 0), ("threshold", threshold >= 0), ("cooldown", cooldown >= 0),
            ("min_rate", smallest >= 0),
        ] where !isRight {
            throw reader.error(key, "should be 0 or more, not \(reader.value(key) ?? .null)")
        }
        switch try reader.string("threshold_mode") ?? "rel" {
        case "rel": isRelative = true
        case "abs": isRelative = false
        case let other: throw reader.error("threshold_mode", "should be rel or abs, not '\(other)'")
        }
    }
}
