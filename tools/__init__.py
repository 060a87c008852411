"""Programs around a run: conversion, data and inspection."""
