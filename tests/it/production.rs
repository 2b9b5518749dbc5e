//! What was promoted is watched where it is said to be: its traffic at the router, its alias in the registry.

use std::time::Instant;

use serde_json::json;

use crate::promotion::registered;
use crate::rollout::{KEY, Toy, came_to, rollout};
use crate::toy_mlflow::ToyMlflow;

/// As HAProxy comes up again: with the weights of its own file.
fn restart(toy: &Toy) {
    toy.set(|inner| (inner.weights, inner.since) = ([100, 0], Instant::now()));
}

#[test]
fn a_router_that_was_restarted_gives_the_champion_its_traffic_again() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("direct");
    rollout(&world, &[]).exits(0);
    for _ in 0..2 {
        restart(&toy);
        let ran = world.run(&["watch"]).exits(0);
        ran.saying("the router was restarted and had lost the weights of version `8`: it has all of the traffic again");
        assert_eq!((toy.candidate(), &came_to(&world)["weight"]), (100, &json!(100)));
        world.run(&["watch"]).exits(0).saying("in order");
    }
    assert_eq!(toy.history(), [100; 3]);
    // Not to a server that is down.
    restart(&toy);
    toy.set(|inner| inner.is_ready[1] = false);
    world.run(&["watch"]).exits(3).saying("nothing was moved").saying("health check");
    toy.set(|inner| inner.is_ready[1] = true);
    // Nor on the word of a journal that anyone may have written.
    let report = world.read("report.json");
    world.write("report.json", report.replace("\"risk\"", "\"risk\" "));
    world.run(&["watch"]).exits(3).saying("nothing was moved").saying("SHA-256");
    assert_eq!(toy.candidate(), 0);
    world.write("report.json", report);
    world.run(&["watch"]).exits(0);
    assert_eq!(toy.candidate(), 100);
}

#[test]
fn a_signature_or_the_alias_confirms_whose_traffic_it_is() {
    let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
    let world = registered(&toy, &mlflow, "direct");
    rollout(&world, &[]).exits(0);
    world.write("report.json", "");
    restart(&toy);
    world.run(&["watch"]).exits(0).saying("it has all of the traffic again");
    // Where the alias is another version's, whose traffic it is is not certain.
    restart(&toy);
    mlflow.set(|inner| drop(inner.aliases.insert("champion".into(), "7".into())));
    world.run(&["watch"]).exits(3).saying("the alias does not agree").saying("`champion` is version `7`");
    assert_eq!((toy.candidate(), mlflow.alias("champion").as_deref()), (0, Some("7")));

    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("direct").variable("MLGATE_JOURNAL_KEY", KEY);
    rollout(&world, &[]).exits(0);
    world.write("report.json", "");
    restart(&toy);
    world.run(&["watch"]).exits(0).saying("it has all of the traffic again");
    assert_eq!(toy.history(), [100, 100]);
}

#[test]
fn an_operators_hand_after_a_promotion_stays() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("direct");
    rollout(&world, &[]).exits(0);
    toy.set(|inner| inner.weights = [100, 0]);
    world.run(&["watch"]).exits(0).saying("an operator gave stable all of the traffic after version `8` was promoted");
    toy.set(|inner| inner.weights = [60, 40]);
    world.run(&["watch"]).exits(1).saying("an operator moved the traffic").saying("the router gives it 40 %");
    // It is said once: an operator decides by now.
    world.run(&["watch"]).exits(0).saying("there is nothing to watch");
    assert_eq!((toy.candidate(), toy.history()), (40, vec![100]));
    world.run(&["rollback"]).exits(0);
    assert_eq!(toy.candidate(), 0);
}

#[test]
fn an_alias_that_an_operator_moved_is_said_and_left() {
    let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
    let world = registered(&toy, &mlflow, "direct");
    rollout(&world, &[]).exits(0);
    world.run(&["watch"]).exits(0).saying("in order");
    for (now, said) in [(Some("7"), "version `7`"), (None, "no version")] {
        mlflow.set(|inner| match now {
            Some(now) => drop(inner.aliases.insert("champion".into(), now.into())),
            None => drop(inner.aliases.remove("champion")),
        });
        let said = format!("an operator moved the alias: `champion` is {said}, and version `8` was promoted");
        world.run(&["watch"]).exits(1).saying(&said);
        assert_eq!((toy.history(), mlflow.alias("champion").as_deref()), (vec![100], now));
    }
    mlflow.goes_away_for(3_600.0);
    world.run(&["watch"]).exits(3).saying("which version `champion` is could not be read");
    mlflow.set(|inner| inner.away_until = None);
    mlflow.set(|inner| drop(inner.aliases.insert("champion".into(), "8".into())));
    world.run(&["watch"]).exits(0).saying("in order");
    // Whatever the alias means, users are watched.
    mlflow.set(|inner| drop(inner.aliases.insert("champion".into(), "7".into())));
    toy.set(|inner| inner.errors[1] = 0.9);
    world.run(&["watch", "--seconds", "5"]).exits(1).saying("requests failed");
    assert_eq!((toy.candidate(), &came_to(&world)["result"]), (0, &json!("rolled_back")));
}

#[test]
fn a_router_that_says_no_weights_is_not_in_order() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("direct");
    rollout(&world, &[]).exits(0);
    let config = world.read("mlgate.yml");
    world.write("mlgate.yml", config.replace("backend: models", "backend: others"));
    world.run(&["watch"]).exits(3).saying("the router does not say its weights");
    assert_eq!(toy.history(), [100]);
}
