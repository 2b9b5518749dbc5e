//! Features that give the target away though ten bins do not see it, and tables in which none does.

use std::fmt::Write as _;

use serde_json::Value;

use crate::world::World;

/// Numbers that look random and are the same in every run: splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// Draws a target, copies it, and writes a value that has the label in it.
type Law = fn(&mut Random) -> f64;
type Copied = fn(f64) -> String;
type InText = fn(usize, f64) -> String;
type Part = fn(&mut Random, usize) -> String;

/// The verdict over a table of these columns, the target being `y`.
fn verdict(header: &str, rows: impl Iterator<Item = String>) -> Value {
    let world = World::new();
    world.write("data.csv", rows.fold(format!("{header}\n"), |csv, row| csv + &row + "\n"));
    world.write("mlgate.yml", "data: { path: data.csv, target: y, checks: [target_leakage] }");
    let ran = world.check(&[]);
    assert!(ran.exit < 2, "{ran:#?}");
    ran.verdicts()[0].clone()
}

fn finds(what: &str, verdict: &Value, feature: &str, how: &str) {
    let message = verdict["message"].as_str().unwrap();
    assert_eq!(verdict["status"], "fail", "{what}: {verdict:#}");
    assert!(message.starts_with(&format!("`{feature}` alone gives `y` away")), "{what}: {message}");
    assert!(message.contains(how), "{what}: {message}");
    assert!(verdict["observed"].as_f64().unwrap() > 0.95, "{what}: {verdict}");
}

#[test]
fn a_copy_of_a_number_is_found_whatever_its_law() {
    let laws: [(&str, Law); 5] = [
        ("uniform", |random| random.uniform()),
        ("normal", |random| 100.0 + 20.0 * random.normal()),
        ("lognormal", |random| (10.0 + 2.0 * random.normal()).exp()),
        ("cauchy", |random| (std::f64::consts::PI * (random.uniform() - 0.5)).tan()),
        ("zeros", |random| if random.below(10) < 7 { 0.0 } else { (5.0 + 2.0 * random.normal()).exp() }),
    ];
    let copies: [(&str, Copied); 5] = [
        ("itself", |y| y.to_string()),
        ("rescaled", |y| (0.453_592 * y + 7.0).to_string()),
        ("reversed", |y| (-3.0 * y).to_string()),
        ("bent", |y| y.signum().mul_add(y.abs().sqrt(), 0.0).to_string()),
        ("rounded", |y| format!("{y:.1e}")),
    ];
    for (law, draw) in laws {
        for (name, copy) in copies {
            let mut random = Random(7);
            let rows = (0..400).map(|_| {
                let y = draw(&mut random);
                format!("{},{},{y}", random.below(1000), copy(y))
            });
            finds(&format!("{name} of {law}"), &verdict("noise,copy,y", rows), "copy", "");
        }
        let mut random = Random(7);
        let rows = (0..400).map(|_| {
            let y = draw(&mut random);
            format!(
                "{},\"{}\",{y}",
                random.below(1000),
                if random.below(50) == 0 { "?".to_owned() } else { y.to_string() }
            )
        });
        finds(&format!("text of {law}"), &verdict("noise,copy,y", rows), "copy", "");
    }
}

#[test]
fn a_copy_in_a_text_is_found_on_another_scale() {
    let copies: [(&str, InText); 4] = [
        ("percent", |_, y| format!("{:.1} %", 100.0 * y)),
        ("decimal comma", |_, y| format!("{} EUR", y.to_string().replace('.', ","))),
        ("last", |row, y| format!("k{} costs {:.3}", (row * 7919) % 400, 3.0 * y)),
        ("after a year", |_, y| format!("2024: {y}")),
    ];
    for (name, copy) in copies {
        let mut random = Random(7);
        let rows = (0..400).map(|row| {
            let y = (random.normal().exp() * 1000.0).round() / 1000.0;
            format!("{},\"{}\",{y}", random.below(1000), copy(row, y))
        });
        finds(name, &verdict("noise,copy,y", rows), "copy", "");
    }
}

#[test]
fn a_category_is_found_among_hundreds_of_features() {
    let mut random = Random(9);
    let labels: Vec<u64> = (0..5000).map(|_| random.below(2)).collect();
    let header = (0..150).fold("leak,y".to_owned(), |header, at| header + &format!(",f{at}"));
    let mut csv = header + "\n";
    for _ in 0..20_000 {
        let merchant = random.below(5000) as usize;
        let _ = write!(csv, "merchant-{merchant},{}", labels[merchant]);
        (0..150).for_each(|_| csv.push_str([",0", ",1", ",2"][random.below(3) as usize]));
        csv.push('\n');
    }
    let world = World::new();
    world.write("data.csv", csv);
    world.write("mlgate.yml", "data: { path: data.csv, target: y, checks: [target_leakage] }");
    let ran = world.check(&["--max-memory", "64MB"]);
    finds("merchant", &ran.verdicts()[0], "leak", "");
}

#[test]
fn what_cannot_be_examined_is_no_pass() {
    // Of 20 classes 5,000 categories have bins of their own; here are more, each in three rows.
    let mut random = Random(4);
    let rows = (0..24_000).map(|row| format!("k{},{}", row % 8000, random.below(20)));
    let found = verdict("shop,y", rows);
    assert_eq!(found["status"], "inconclusive", "{found:#}");
    assert!(found["message"].as_str().unwrap().contains("`shop`"), "{found:#}");
    // An id says nothing about other rows, however many there are.
    let rows = (0..24_000).map(|row| format!("k{row},{}", random.below(20)));
    assert_eq!(verdict("id,y", rows)["status"], "pass");
}

#[test]
fn a_copy_in_a_small_table_is_found() {
    for rows in [12, 30, 60, 150] {
        let mut random = Random(rows);
        let table = (0..rows).map(|_| {
            let y = (3.0 * random.normal()).exp();
            format!("{},{},{y}", random.uniform(), y.ln())
        });
        finds(&rows.to_string(), &verdict("noise,copy,y", table), "copy", "");
    }
}

#[test]
fn parts_of_a_value_give_the_target_away() {
    let parts: [(&str, &str, Part); 15] = [
        ("parity", "by its", |random, y| (2 * random.below(1_000_000) + y as u64).to_string()),
        ("last digit", "by its", |random, y| {
            (10 * random.below(1_000_000) + 3 * y as u64 + 2 * random.below(2)).to_string()
        }),
        ("digits", "", |random, y| (random.below(9000) + if y == 1 { 10_000 } else { 1000 }).to_string()),
        ("decimals", "", |random, y| format!("{}.{}", random.below(1000), if y == 1 { "25" } else { "5" })),
        ("cents", "by its", |random, y| format!("{}.{}", random.below(100_000), if y == 1 { "99" } else { "95" })),
        ("prefix", "by its first", |random, y| format!("{}{:06}", ["K", "Q"][y], random.below(1_000_000))),
        ("suffix", "by its last", |random, y| format!("{:06}{}", random.below(1_000_000), ["K", "Q"][y])),
        ("word", "by its", |random, y| format!("{:06}-{}", random.below(1_000_000), ["loan", "card"][y])),
        ("length", "by its", |random, y| {
            let letters = 20 + y as u64 + 2 * random.below(15);
            (0..letters).map(|_| char::from(b'a' + random.below(26) as u8)).collect()
        }),
        ("text parity", "by its", |random, y| {
            format!("id {:05}{}", random.below(100_000), 2 * random.below(5) + y as u64)
        }),
        ("parity of a large float", "by its", |random, y| {
            format!("{}.0", 10_000_000_000_000 + 2 * random.below(1_000_000) + y as u64)
        }),
        ("letter in the middle", "by its letters", |random, y| {
            let first = ["P", "Q", "R", "S"][random.below(4) as usize];
            format!("{first}{:05}{}{:06}", random.below(100_000), ["A", "B"][y], random.below(1_000_000))
        }),
        ("number in the middle", "by its second word", |random, y| {
            format!("{:05}-{}-{:06}", random.below(100_000), [17, 23][y], random.below(1_000_000))
        }),
        ("second", "by its", |random, y| {
            let second = 2 * random.below(30) + y as u64;
            format!("2024-01-{:02}T{:02}:{:02}:{second:02}", 1 + random.below(28), random.below(24), random.below(60))
        }),
        ("millisecond", "by its", |random, y| {
            let fraction = if y == 1 { ".000" } else { ".001" };
            format!(
                "2024-01-{:02}T{:02}:{:02}:{:02}{fraction}",
                1 + random.below(28),
                random.below(24),
                random.below(60),
                random.below(60)
            )
        }),
    ];
    for (name, how, part) in parts {
        let mut random = Random(11);
        let rows = (0..600).map(|row| {
            let y = usize::from(random.below(3) == 0);
            // One in fifty says something else.
            let said = if row % 50 == 0 { 1 - y } else { y };
            format!("{},{},{y}", random.below(1000), part(&mut random, said))
        });
        finds(name, &verdict("noise,part,y", rows), "part", how);
    }
    // A number as target, too.
    let mut random = Random(12);
    let rows = (0..600).map(|_| {
        let (kind, y) = (random.below(2), random.normal().abs());
        format!("{},{}{}", if kind == 0 { y } else { 1e6 + y }, random.below(1_000_000), ["K", "Q"][kind as usize])
    });
    // Two groups far apart are told by the last letter, and the rest within them is not.
    let found = verdict("y,part", rows);
    assert_eq!(found["status"], "fail", "{found:#}");
}

#[test]
fn the_opposite_of_the_truth_tells_it() {
    // Two kinds of rows, and a few others so that the folds are not all of one kind.
    let mut fails = 0;
    for seed in 0..6 {
        let mut rows = Vec::new();
        for (x, y, times) in [(5, 1, 300), (7, 0, 300), (5, 0, 3), (7, 1, 3)] {
            rows.extend((0..times).map(|_| format!("{},{y}", x + 10 * seed)));
        }
        let found = verdict("x,y", rows.into_iter());
        // All rows of a value may stand in one fold: then nothing is known.
        assert!(["fail", "inconclusive"].contains(&found["status"].as_str().unwrap()), "{seed}: {found:#}");
        fails += u32::from(found["status"] == "fail");
    }
    assert!(fails >= 3, "{fails}");
    // Thirty copies each of twenty rows that have nothing to do with their label.
    let mut random = Random(5);
    let rows = (0..20).flat_map(|x| {
        let y = random.below(2);
        std::iter::repeat_n(format!("{x},{y}"), 30)
    });
    assert_eq!(verdict("x,y", rows)["status"], "inconclusive");
}

#[test]
fn a_narrow_band_gives_a_class_away() {
    let mut random = Random(3);
    let rows = (0..2000).map(|_| {
        let x = random.uniform();
        format!("{x},{},{}", random.below(100), u8::from((0.48..0.52).contains(&x)))
    });
    finds("band", &verdict("x,noise,y", rows), "x", "");
}

#[test]
fn an_honest_table_has_no_giveaway() {
    for seed in 0..12 {
        let mut random = Random(1000 + seed);
        let rows = [80, 300, 1500][seed as usize % 3];
        let mut csv = String::new();
        for row in 0..rows {
            let (x, noise) = (random.normal(), random.normal());
            let y = match seed % 4 {
                0 => (5.0 + x + noise).exp().to_string(),
                1 => u8::from(x + noise > 0.0).to_string(),
                2 => ["low", "middle", "high"][random.below(3) as usize].to_owned(),
                _ => u8::from(random.below(20) == 0).to_string(),
            };
            let at = format!(
                "2024-{:02}-{:02}T{:02}:{:02}:{:02}",
                1 + random.below(12),
                1 + random.below(28),
                random.below(24),
                random.below(60),
                random.below(60)
            );
            let code = format!("{}-{:05}", ["A", "B", "C"][random.below(3) as usize], random.below(100_000));
            let _ = writeln!(csv, "{row},{x:.3},{:.2},{at},{code},{y}", (3.0 + random.normal()).exp());
        }
        let found = verdict("id,x,price,at,code,y", csv.lines().map(ToOwned::to_owned));
        assert_eq!(found["status"], "pass", "{seed}: {found:#}");
    }
}
