//! Mean and spread of a row of numbers of which none is kept.

/// What is known of a row of numbers, after Welford: each new one moves the mean, and the squares are those of
/// distances from it. The sum of the squares of the numbers themselves, less the square of their sum, would lose all
/// its digits where they are large and close to one another, as sizes of memory are.
///
/// B. P. Welford: Note on a Method for Calculating Corrected Sums of Squares and Products. Technometrics 4 (3), 1962,
/// pages 419–420.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Welford {
    /// How many numbers.
    pub(super) count: u64,
    pub(super) mean: f64,
    /// The sum of the squares of their distances from the mean.
    pub(super) squares: f64,
    /// The greatest.
    pub(super) peak: f64,
}

impl Welford {
    /// Takes in one more, which is not negative.
    pub(crate) fn add(&mut self, number: f64) {
        if !number.is_finite() {
            return;
        }
        self.count += 1;
        let before = number - self.mean;
        // Up to 2^53 of them are counted exactly.
        self.mean += before / self.count as f64;
        self.squares += before * (number - self.mean);
        self.peak = self.peak.max(number);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn mean(&self) -> f64 {
        self.mean
    }

    pub(crate) fn peak(&self) -> f64 {
        self.peak
    }

    /// The standard deviation that they lead to expect of more of their kind; zero for fewer than two.
    pub(crate) fn deviation(&self) -> f64 {
        match self.count {
            0 | 1 => 0.0,
            count => (self.squares.max(0.0) / (count - 1) as f64).sqrt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[f64]) -> Welford {
        let mut known = Welford::default();
        numbers.iter().for_each(|number| known.add(*number));
        known
    }

    /// Twice over the numbers: first for the mean, then for the distances.
    fn twice_over(numbers: &[f64]) -> (f64, f64) {
        let count = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / count;
        let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
        (mean, (squares / (count - 1.0)).sqrt())
    }

    fn assert_close(one: f64, other: f64, within: f64) {
        assert!((one - other).abs() <= within * other.abs(), "{one} is not {other} (within {within})");
    }

    #[test]
    fn it_is_what_going_twice_over_all_numbers_gives() {
        let mut random = fastrand::Rng::with_seed(4);
        for _ in 0..300 {
            let (scale, offset) = (10_f64.powi(random.i32(-3..9)), 10_f64.powi(random.i32(0..9)));
            let numbers: Vec<f64> =
                (0..random.usize(2..400)).map(|_| offset + scale * random.f64()).collect();
            let known = of(&numbers);
            let (mean, deviation) = twice_over(&numbers);
            assert_eq!(known.count(), numbers.len() as u64);
            assert_close(known.mean(), mean, 1e-12);
            // What can be asked of it grows with how small the spread is beside the numbers: not with the square of that,
            // as it would with sums of squares (Chan and Lewis, 1979).
            let within = numbers.len() as f64 * f64::EPSILON * (1.0 + mean / deviation);
            assert_close(known.deviation(), deviation, within);
            assert_eq!(known.peak(), numbers.iter().copied().fold(0.0, f64::max));
        }
    }

    #[test]
    fn a_small_spread_of_large_numbers_is_not_lost() {
        // 64 GiB, more or less a page: sums of squares have no digits left for that.
        let large = 64.0 * 2_f64.powi(30);
        let numbers: Vec<f64> = [4.0, 7.0, 13.0, 16.0].iter().map(|more| large + more).collect();
        assert_eq!(of(&numbers).deviation(), 30_f64.sqrt());
        let (sum, squares) = numbers.iter().fold((0.0, 0.0), |(sum, all), n| (sum + n, all + n * n));
        let naive: f64 = ((squares - sum * sum / 4.0) / 3.0_f64).sqrt();
        assert!((naive - 30_f64.sqrt()).abs() > 1.0 || naive.is_nan(), "{naive}: the naive way does as well");
    }

    #[test]
    fn one_number_has_no_spread_and_what_is_none_changes_nothing() {
        let mut known = of(&[5.0]);
        for none in [f64::NAN, f64::INFINITY] {
            known.add(none);
        }
        assert_eq!((known.count(), known.mean(), known.peak(), known.deviation()), (1, 5.0, 5.0, 0.0));
        assert_eq!(of(&[]).deviation(), 0.0);
        assert_eq!(of(&[3.0; 50]).deviation(), 0.0);
    }
}
