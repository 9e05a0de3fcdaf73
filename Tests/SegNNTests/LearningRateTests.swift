import SegNN
import Testing

/// The rates of torch.optim.lr_scheduler.ReduceLROnPlateau divided by 0.1, after each value.
@Test func plateausLowerTheRateAsInPyTorch() {
    var dice = PlateauRule()
    (dice.factor, dice.patience, dice.threshold, dice.cooldown, dice.smallest) = (0.5, 1, 1e-3, 1, 0.1)
    var state = PlateauState()
    let rates = [0.5, 0.6, 0.6, 0.6, 0.6001, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7].map { value in
        state.take(value, dice)
        return state.factor
    }
    #expect(rates == [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125])

    var loss = PlateauRule()
    (loss.monitor, loss.patience, loss.threshold, loss.isRelative) = (.loss, 2, 0.05, false)
    state = PlateauState()
    let others = [1, 0.9, 0.95, 0.95, 0.91, 0.8, 0.81, 0.82, 0.83, 0.84].map { value in
        state.take(value, loss)
        return state.factor
    }
    for (rate, expected) in zip(others, [1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01]) {
        #expect(abs(rate - expected) < 1e-12)
    }
}

/// monai.optimizers.WarmupCosineSchedule(warmup_steps=4, t_total=12, warmup_multiplier=0.2), a period of half a cosine.
@Test func warmUpComesBeforeTheSchedule() {
    let warmUp = WarmUp(iterations: 4, start: 0.2)
    let cosine = (0..<12).map { warmUp.factor(.cosine, iteration: $0, of: 12, done: Double($0) / 12) }
    for (factor, expected) in zip(cosine, [0.2, 0.4, 0.6, 0.8, 1, 0.9619397662556434, 0.8535533905932737]) {
        #expect(abs(factor - expected) < 1e-12)
    }
    let step = (0..<8).map { warmUp.factor(.step(size: 2, gamma: 0.5), iteration: $0, of: 8, done: Double($0) / 8) }
    #expect(step[4...] == [1, 1, 0.5, 0.5])
}
