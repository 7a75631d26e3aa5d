# Thin over Meson and Ninja: each target is one script or one build below build/.

.DEFAULT_GOAL := help
SHELL := /bin/bash
PREFIX ?= /usr/local
MODELS ?= one
FUZZ_SECONDS ?= 600

help: ## this list
	@echo 'sluice: make TARGET'
	@echo
	@sed -n 's/^\([a-z -]*\):[^#]*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16
	@echo
	@echo 'The first steps: "make run" shows sluice at work, "make test" proves it.'

build: ## install what building needs, leave the program at build/sluice
	@scripts/setup build
	@scripts/build release sluice

run: ## build, start a local model and sluice, try it, stay up (MODELS=one, two, mock)
	@! command -v python3 >/dev/null || MODELS=$(MODELS) scripts/run --check-ports
	@scripts/setup build run
	@scripts/build release sluice $(if $(filter mock,$(MODELS)),bench/mock)
	@$(if $(filter mock,$(MODELS)),,MODELS=$(MODELS) scripts/models)
	@MODELS=$(MODELS) scripts/run

test: ## build and run all tests, in under ten minutes
	@scripts/setup build test
	@scripts/test

models: ## fetch the local model (MODELS=two: the second one too)
	@MODELS=$(MODELS) scripts/models

bench: build ## compare with nginx on one mock upstream
	@scripts/setup bench
	@scripts/build release all
	@bench/run

check-all: ## everything: tests, sanitizers, fuzzing, lint, a short soak (an hour or more)
	@scripts/check-all

asan ubsan tsan: ## the tests under the address, undefined-behaviour or thread sanitizer
	@scripts/setup build test
	@scripts/test --variant $@ unit replay sdk fault e2e

fuzz: ## run each fuzz target for FUZZ_SECONDS (600)
	@scripts/setup build fuzz
	@scripts/build fuzz all
	@scripts/fuzz $(FUZZ_SECONDS)

lint: ## includes, banned functions, style, formatting, shell scripts
	@scripts/setup lint
	@scripts/lint

format: ## put all C files into the house format
	@scripts/setup lint
	@scripts/lint --fix

install: build ## install to PREFIX (/usr/local), below DESTDIR: program, man pages, completion, units
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' packaging/install

uninstall: ## take away what install has put there
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' packaging/install --uninstall

deb: build ## a package for the Debian release that this runs on, below build/
	@scripts/setup deb
	@packaging/deb

check-deb: ## prove packages for Debian 12 and 13 in fresh roots (as root)
	@scripts/setup fresh
	@packaging/check-deb bookworm
	@packaging/check-deb trixie

check-fresh: ## prove build, test and run on fresh Debian 12 and 13 roots (as root)
	@scripts/setup fresh
	@scripts/check-fresh bookworm
	@scripts/check-fresh trixie

clean: ## remove what was built (not what was fetched)
	@rm -rf build/release build/asan build/ubsan build/tsan build/fuzz build/sluice build/*.log

.PHONY: help build run test models bench check-all asan ubsan tsan fuzz lint format install uninstall \
	deb check-deb check-fresh clean
