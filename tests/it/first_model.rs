//! The first model of all: there is no stable to compare it with, and none to go back to.

use serde_json::{Value, json};

use crate::promotion::registered;
use crate::releases::{CANARY, journal, release, serves};
use crate::rollout::{Toy, came_to};
use crate::toy_mlflow::ToyMlflow;
use crate::world::World;

/// Nothing serves yet: no server of stable's, no series, no alias.
fn without_stable(strategy: &str) -> (Toy, ToyMlflow, World) {
    let (toy, mlflow) = (Toy::start([0.0, 0.005]), ToyMlflow::start());
    toy.set(|inner| (inner.nobody, inner.is_ready) = (true, [false, true]));
    mlflow.set(|inner| inner.aliases.clear());
    let world = registered(&toy, &mlflow, strategy);
    (toy, mlflow, world)
}

const FLAG: &str = "\n  flag: { flagd: { path: flags.json, feature: new-model, variant: \"off\" } }";

fn with_flag(world: &World) {
    let variants = json!({ "on": true, "off": false });
    let flags =
        json!({ "flags": { "new-model": { "state": "ENABLED", "variants": variants, "defaultVariant": "on" } } });
    world.write("flags.json", flags.to_string());
}

fn flag(world: &World) -> String {
    let flags: Value = serde_json::from_str(&world.read("flags.json")).unwrap();
    flags["flags"]["new-model"]["defaultVariant"].as_str().unwrap().to_owned()
}

#[test]
fn the_first_model_of_all_goes_out_directly_and_is_stable_for_the_second() {
    let (toy, mlflow, world) = without_stable("direct");
    release(&world, "8").exits(0).saying("ok      stable: there is none").saying("promoted");
    serves(&toy, "candidate");
    assert_eq!((mlflow.alias("champion").as_deref(), &came_to(&world)["previous_version"]), (Some("8"), &Value::Null));
    world.run(&["watch"]).exits(0).saying("in order");
    // The second one has something to be compared with, and to go back to.
    world.write("mlgate.yml", world.read("mlgate.yml").replace("strategy: direct", &format!("strategy: {CANARY}")));
    toy.set(|inner| (inner.nobody, inner.is_ready) = (false, [true; 2]));
    release(&world, "9").exits(0).saying("ok      stable requests: ");
    serves(&toy, "stable");
    world.run(&["rollback"]).exits(0);
    serves(&toy, "candidate");
    assert_eq!(mlflow.alias("champion").as_deref(), Some("8"));
}

#[test]
fn a_bad_first_model_has_nothing_to_go_back_to() {
    let (toy, mlflow, world) = without_stable("direct");
    toy.set(|inner| inner.errors[1] = 0.9);
    let said = "there is no earlier model to restore: the candidate keeps its traffic";
    release(&world, "8").exits(3).saying("requests failed").saying("traffic: FAILED").saying(said);
    serves(&toy, "candidate");
    assert_eq!((mlflow.alias("champion"), &journal(&world)["is_settled"]), (None, &json!(true)));
    world.run(&["watch"]).exits(0).saying("there is nothing to watch");
    // The next one begins all the same.
    toy.set(|inner| inner.errors[1] = 0.005);
    release(&world, "9").exits(0).saying("ok      stable: there is none");
    serves(&toy, "candidate");
    world.run(&["rollback"]).exits(3).saying(said);
    assert_eq!((toy.history(), mlflow.alias("champion")), (vec![100], None));
    // A person decides otherwise.
    world.run(&["rollback", "--production-slot", "stable"]).exits(0).saying("traffic: done");
    serves(&toy, "stable");
}

#[test]
fn a_flag_takes_users_off_a_bad_first_model() {
    let (toy, mlflow, world) = without_stable(&format!("direct{FLAG}"));
    with_flag(&world);
    release(&world, "8").exits(0);
    assert_eq!(flag(&world), "on");
    toy.set(|inner| inner.errors[1] = 0.9);
    world.run(&["watch", "--seconds", "5"]).exits(1).saying("flag: done").saying("there is no earlier model");
    assert_eq!((flag(&world), mlflow.alias("champion"), toy.history()), ("off".to_owned(), None, vec![100]));
}
