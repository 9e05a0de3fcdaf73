internal import SegCore
internal import SegNN

/// The object `schedule`: the decay of the learning rate, and the warm-up before it.
struct Schedule {
    var fall = LearningRateSchedule.constant
    var warmUp: WarmUp?

    /// Reads or writes the object; an absent one means a constant learning rate.
    static func coded(_ own: Schedule?, learningRate: Double, by coder: ConfigCoder) throws -> Schedule {
        let schedule = try coder.object("schedule", own) { try entries($0, learningRate: learningRate, by: $1) }
        // This is checked after misspelt keys, because one of them may be meant for `warmup`.
        if let reader = try coder.reader?.object("schedule"), schedule?.warmUp == nil,
            try reader.double("warmup_start") ?? 0 > 0
        {
            throw reader.error("warmup_start", "has no effect without warmup; give the iterations of schedule.warmup")
        }
        return schedule ?? Schedule()
    }

    private static func entries(_ schedule: Schedule?, learningRate: Double, by coder: ConfigCoder) throws -> Schedule {
        let fall = schedule?.fall ?? .constant
        var coded = Schedule()
        switch try coder.value("name", fall.name, .text) {
        case "constant": coded.fall = .constant
        case "polynomial":
            var (power, interval): (Double, Int?) = (0.9, nil)
            // An interval of 1 is not written: the configuration then equals that of a run from before `interval` existed,
            // which can be resumed.
            if case .polynomial(let own, let every) = fall { (power, interval) = (own, every > 1 ? every : nil) }
            power = try coder.value("power", power, .number)
            try coder.check("power", power > 0 && power.isFinite, "should be positive and finite, not \(power)")
            coded.fall = .polynomial(power: power, interval: try coder.given("interval", interval, .positive) ?? 1)
        case "cosine": coded.fall = .cosine
        case "step":
            var (size, gamma): (Int?, Double) = (nil, 0.1)
            if case .step(let ownSize, let ownGamma) = fall { (size, gamma) = (ownSize, ownGamma) }
            coded.fall = .step(
                size: try coder.required("size", size, .positive), gamma: try coder.value("gamma", gamma, .amount))
        case "plateau":
            var rule = PlateauRule()
            if case .plateau(let own) = fall { rule = own }
            try rule.code(learningRate: learningRate, by: coder)
            coded.fall = .plateau(rule)
        case let name:
            try coder.check(
                "name", false, "'\(name)' is not a schedule; known: constant, polynomial, cosine, step, plateau")
        }
        coded.warmUp = try warmUp(schedule?.warmUp, by: coder)
        return coded
    }

    private static func warmUp(_ warmUp: WarmUp?, by coder: ConfigCoder) throws -> WarmUp? {
        let iterations = try coder.value("warmup", warmUp?.iterations ?? 0, .natural)
        let start = try coder.value("warmup_start", warmUp?.start ?? 0, .chance)
        return iterations > 0 ? WarmUp(iterations: iterations, start: start) : nil
    }
}

extension LearningRateSchedule {
    /// The entry `name` of the schedule.
    fileprivate var name: String {
        switch self {
        case .constant: "constant"
        case .polynomial: "polynomial"
        case .cosine: "cosine"
        case .step: "step"
        case .plateau: "plateau"
        }
    }
}

extension PlateauRule {
    /// Reads or writes the entries of PyTorch's `ReduceLROnPlateau`.
    fileprivate mutating func code(learningRate: Double, by coder: ConfigCoder) throws {
        monitor = try coder.value("monitor", monitor, .name)
        factor = try coder.value("factor", factor, .number)
        try coder.check("factor", factor > 0 && factor < 1, "should be above 0 and below 1, not \(factor)")
        patience = try coder.value("patience", patience, .natural)
        threshold = try coder.value("threshold", threshold, .amount)
        cooldown = try coder.value("cooldown", cooldown, .natural)
        smallest = try coder.value("min_rate", smallest * learningRate, .amount) / learningRate
        isRelative = try coder.value("threshold_mode", isRelative, .named(["rel": true, "abs": false]))
    }
}
